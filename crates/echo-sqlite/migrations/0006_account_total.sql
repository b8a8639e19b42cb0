-- How many accounts there are.

CREATE TABLE account_total (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    accounts INTEGER NOT NULL
) STRICT;
INSERT INTO account_total SELECT 1, count(*) FROM accounts;
CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN
    UPDATE account_total SET accounts = accounts + 1 WHERE one = 1;
END;
CREATE TRIGGER account_deleted AFTER DELETE ON accounts BEGIN
    UPDATE account_total SET accounts = accounts - 1 WHERE one = 1;
END;
