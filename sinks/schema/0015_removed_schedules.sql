-- A schedule that was removed keeps its row, so that a worker that reads it late does not bring it back.

ALTER TABLE scheduled_reports ADD COLUMN IF NOT EXISTS removed_at Nullable(DateTime64(3, 'UTC'));
