-- Claims with leases on stages, imports that report what they did, and paging through one company's sessions.

-- AlterTable
ALTER TABLE "imports" ADD COLUMN     "error" TEXT,
ADD COLUMN     "lease_until" TIMESTAMPTZ(3),
ADD COLUMN     "rows_duplicate" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "sha256" TEXT;

-- AlterTable
ALTER TABLE "chat_sessions" ADD COLUMN     "transcript" TEXT;

-- AlterTable
ALTER TABLE "session_stages" ADD COLUMN     "available_at" TIMESTAMPTZ(3),
ADD COLUMN     "claim_id" UUID,
ADD COLUMN     "claimed_by" TEXT,
ADD COLUMN     "result" JSONB;

-- CreateTable
CREATE TABLE "import_rejections" (
    "import_id" UUID NOT NULL,
    "line" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "import_rejections_pkey" PRIMARY KEY ("import_id","line")
);

-- A row appears when its stage may begin: those behind a stage that has not ended are made again later.
DELETE FROM "session_stages" AS later USING "session_stages" AS earlier
 WHERE later."session_id" = earlier."session_id" AND later."stage" > earlier."stage"
   AND earlier."status" NOT IN ('COMPLETED', 'SKIPPED') AND later."status" = 'PENDING';

-- What was under way had no claim that could be told from another: it begins again.
UPDATE "session_stages" SET "status" = 'PENDING', "available_at" = CURRENT_TIMESTAMP
 WHERE "status" IN ('PENDING', 'RUNNING');

-- A stage that waits or runs is due at some time, one that has ended never; only a running one is claimed. Prisma's
-- schema cannot say this.
ALTER TABLE "session_stages"
  ADD CONSTRAINT "session_stages_available_check" CHECK (("status" IN ('PENDING', 'RUNNING')) = ("available_at" IS NOT NULL)),
  ADD CONSTRAINT "session_stages_claim_check" CHECK (("status" = 'RUNNING') = ("claim_id" IS NOT NULL));

-- DropIndex
DROP INDEX "session_stages_stage_status_idx";

-- CreateIndex
CREATE INDEX "session_stages_available_at_idx" ON "session_stages"("available_at");

-- CreateIndex
CREATE INDEX "chat_sessions_company_id_started_at_id_idx" ON "chat_sessions"("company_id", "started_at" DESC, "id" DESC);

-- AddForeignKey
ALTER TABLE "import_rejections" ADD CONSTRAINT "import_rejections_import_id_fkey" FOREIGN KEY ("import_id") REFERENCES "imports"("id") ON DELETE CASCADE ON UPDATE CASCADE;
