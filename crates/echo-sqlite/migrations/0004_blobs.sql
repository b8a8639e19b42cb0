-- Blobs are kept once, however many images are of the same bytes, and an account has a quota.

-- What images are shown from. Of those that were there before, nobody knows the digest or the length: their digest is one
-- that no bytes have, and `bytes` is NULL until somebody measures them.
CREATE TABLE blobs (
    digest BLOB NOT NULL PRIMARY KEY,
    stem   BLOB NOT NULL,
    shape  TEXT NOT NULL,
    bytes  INTEGER,
    images INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_unmeasured ON blobs (digest) WHERE bytes IS NULL;

-- What no image is of any more, until it is gone; addresses, of an image that another service delivered.
CREATE TABLE blobs_doomed (
    stem  BLOB NOT NULL PRIMARY KEY,
    names TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the images of each account count for, in bytes.
CREATE TABLE media_bytes (
    account BLOB NOT NULL PRIMARY KEY,
    bytes   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX media_bytes_most ON media_bytes (bytes);

DROP INDEX media_account;
DROP INDEX media_expires;
DROP INDEX media_doomed;
ALTER TABLE media ADD COLUMN blobs BLOB;
ALTER TABLE media ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

-- Those with a slash in their location are addresses: another service delivers them. One that cannot be read keeps what it
-- has, for a person to look at.
UPDATE media SET blobs = unhex(hex(id) || '0000000000000000000000000000000000000000')
    WHERE json_valid(image) AND image ->> '$.location' NOT LIKE '%/%';
INSERT INTO blobs_doomed
    SELECT id, (SELECT json_group_array(name) FROM
        (SELECT image ->> '$.location' AS name
         UNION ALL SELECT variant.value ->> '$.location' FROM json_each(image, '$.variants') AS variant))
    FROM media WHERE doomed = 1 AND json_valid(image) AND image ->> '$.location' IS NOT NULL
        AND image ->> '$.location' NOT IN
            (SELECT image ->> '$.location' FROM media WHERE doomed = 0 AND json_valid(image)
                AND image ->> '$.location' IS NOT NULL);
DELETE FROM media WHERE doomed = 1;
INSERT INTO blobs SELECT blobs, id, json_remove(image, '$.id', '$.alt'), NULL, 1 FROM media WHERE blobs IS NOT NULL;

ALTER TABLE media DROP COLUMN doomed;
CREATE INDEX media_account ON media (account, id);
CREATE INDEX media_expires ON media (expires) WHERE expires IS NOT NULL;
-- Whether another image is delivered from the same address.
CREATE INDEX media_delivered ON media (image ->> '$.location') WHERE blobs IS NULL AND json_valid(image);
CREATE INDEX media_blobs ON media (blobs) WHERE blobs IS NOT NULL;
