-- The seed: two companies with sessions in each status, so that a fresh stack shows something real.
--
-- It is a migration, not a seed script, because then the same resource applies it (poolkit.Migrations), in the same
-- order, on the same direct connection, exactly once per database, recorded in _prisma_migrations. A script would need
-- its own run-once rule and a second program with the owner's login. ON CONFLICT DO NOTHING keeps it harmless where
-- the rows came in another way (a restored dump, a table filled by hand). Identifiers are fixed for the same reason.

INSERT INTO "companies" ("id", "name") VALUES
  ('01930000-0000-7000-8000-000000000001', 'Larkspur Support'),
  ('01930000-0000-7000-8000-000000000002', 'Harbour Travel')
ON CONFLICT DO NOTHING;

INSERT INTO "users" ("id", "company_id", "email", "name") VALUES
  ('01930000-0000-7000-8000-000000000011', '01930000-0000-7000-8000-000000000001', 'ada@larkspur.example', 'Ada Admin'),
  ('01930000-0000-7000-8000-000000000012', '01930000-0000-7000-8000-000000000002', 'hugo@harbour.example', 'Hugo Agent')
ON CONFLICT DO NOTHING;

INSERT INTO "chat_sessions" ("id", "company_id", "external_id", "status", "started_at", "ended_at") VALUES
  ('01930000-0000-7000-8000-000000000101', '01930000-0000-7000-8000-000000000001', 'seed-1', 'PROCESSED',
   '2026-11-01T09:00:00Z', '2026-11-01T09:04:00Z'),
  ('01930000-0000-7000-8000-000000000102', '01930000-0000-7000-8000-000000000001', 'seed-2', 'OPEN',
   '2026-11-01T09:10:00Z', NULL),
  ('01930000-0000-7000-8000-000000000103', '01930000-0000-7000-8000-000000000002', 'seed-1', 'FAILED',
   '2026-11-02T16:30:00Z', '2026-11-02T16:31:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO "messages" ("id", "session_id", "position", "role", "content", "sent_at") VALUES
  ('01930000-0000-7000-8000-000000001001', '01930000-0000-7000-8000-000000000101', 0, 'USER',
   'Where is my invoice?', '2026-11-01T09:00:00Z'),
  ('01930000-0000-7000-8000-000000001002', '01930000-0000-7000-8000-000000000101', 1, 'ASSISTANT',
   'It is in your account under Documents.', '2026-11-01T09:00:03Z'),
  ('01930000-0000-7000-8000-000000001003', '01930000-0000-7000-8000-000000000103', 0, 'USER',
   'Can I change my flight?', '2026-11-02T16:30:00Z')
ON CONFLICT DO NOTHING;

INSERT INTO "session_stages" ("session_id", "stage", "status", "attempts", "error", "updated_at") VALUES
  ('01930000-0000-7000-8000-000000000101', 'IMPORT', 'COMPLETED', 1, NULL, '2026-11-01T10:00:00Z'),
  ('01930000-0000-7000-8000-000000000101', 'TRANSCRIPT', 'COMPLETED', 1, NULL, '2026-11-01T10:00:01Z'),
  ('01930000-0000-7000-8000-000000000102', 'IMPORT', 'PENDING', 0, NULL, '2026-11-01T10:00:00Z'),
  ('01930000-0000-7000-8000-000000000103', 'IMPORT', 'COMPLETED', 1, NULL, '2026-11-02T17:00:00Z'),
  ('01930000-0000-7000-8000-000000000103', 'TRANSCRIPT', 'FAILED', 3, 'transcript is empty', '2026-11-02T17:05:00Z')
ON CONFLICT DO NOTHING;
