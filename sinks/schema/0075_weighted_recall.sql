-- The recall that a threshold was estimated to have: findings that were confirmed while it was in force count by it, because what
-- it missed could not be confirmed (docs/adr/0052-thresholds-that-follow-verdicts.md). So the count of those that are found is no
-- whole number. 1 where nothing is known.
ALTER TABLE detector_thresholds MODIFY COLUMN replay_found Float64;
ALTER TABLE detector_thresholds ADD COLUMN IF NOT EXISTS recall Float64 DEFAULT 1;
