-- How far a move into this database, or an import, has come.

CREATE TABLE transfer (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    reached TEXT NOT NULL
) STRICT;
