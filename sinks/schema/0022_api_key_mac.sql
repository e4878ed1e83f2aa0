-- A row of api_keys carries a MAC of everything else in it, made with the program's secret (api/keys.py): who can write
-- to the database alone cannot make a key that opens anything. Keys made before are refused until they are signed
-- (`romashka api key sign`).
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS mac String DEFAULT '';
