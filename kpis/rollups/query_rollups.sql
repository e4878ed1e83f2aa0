-- Roll-ups of queries: hours from deduplicated windows, days from hours, of whatever was touched in a week.

-- name: hours
INSERT INTO query_hours ($keys, hour_start, version, $measures)
SELECT $keys, toStartOfHour(w.at) AS hour_start, $version AS version, $added_up
FROM ($windows) AS w
GROUP BY $keys, hour_start

-- name: touched_windows
$in_week AND (user_id, toStartOfHour(window_start)) IN $touched

-- name: days
INSERT INTO query_days ($keys, day_start, version, $measures)
SELECT $keys, toStartOfDay(w.hour_start) AS day_start, $version AS version, $added_up
FROM
(
    SELECT * FROM query_hours FINAL
    WHERE $in_week AND (user_id, toDateTime(toDate(hour_start), 'UTC')) IN $touched
) AS w
GROUP BY $keys, day_start
