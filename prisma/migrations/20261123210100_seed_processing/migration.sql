-- The seed, brought to what processing makes of such sessions: seed-1 of Larkspur is through, seed-2 waits with a
-- transcript (so that a fresh stack shows one being processed), seed-1 of Harbour failed where its text is unreadable.
-- Touches the seed's own rows only, and only where they are as the first seed left them.

UPDATE "chat_sessions" SET "ended_at" = '2026-11-01T09:12:00Z', "transcript" =
E'[2026-11-01T09:10:00Z] User: My invoice is wrong, this is annoying.\n'
'[2026-11-01T09:10:20Z] Assistant: I am sorry about that. I have corrected the amount.\n'
'[2026-11-01T09:11:30Z] User: Great, thank you!'
 WHERE "id" = '01930000-0000-7000-8000-000000000102' AND "status" = 'OPEN' AND "transcript" IS NULL;

UPDATE "chat_sessions" SET "transcript" = 'Can I change my flight?'
 WHERE "id" = '01930000-0000-7000-8000-000000000103' AND "status" = 'FAILED' AND "transcript" IS NULL;

DELETE FROM "messages" WHERE "id" = '01930000-0000-7000-8000-000000001003';

DELETE FROM "session_stages"
 WHERE "session_id" = '01930000-0000-7000-8000-000000000103' AND "stage" = 'TRANSCRIPT' AND "status" = 'FAILED';

UPDATE "session_stages" SET "status" = 'FAILED', "error" = 'line 1 of the transcript does not begin with [time] role:'
 WHERE "session_id" = '01930000-0000-7000-8000-000000000103' AND "stage" = 'IMPORT' AND "status" = 'COMPLETED';

INSERT INTO "session_stages" ("session_id", "stage", "status", "attempts", "updated_at") VALUES
  ('01930000-0000-7000-8000-000000000101', 'ANALYSIS', 'COMPLETED', 1, '2026-11-01T10:00:02Z'),
  ('01930000-0000-7000-8000-000000000101', 'SUMMARY', 'COMPLETED', 1, '2026-11-01T10:00:03Z')
ON CONFLICT DO NOTHING;
