-- The outbox: what is to be sent, and what became of it. A row is never deleted.

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY,
    created_at  INTEGER NOT NULL,
    created_by  INTEGER NOT NULL REFERENCES users (id),
    sender      TEXT NOT NULL,              -- envelope and From address
    recipient   TEXT NOT NULL,
    subject     TEXT NOT NULL,
    note        TEXT NOT NULL,
    message_id  TEXT NOT NULL UNIQUE,       -- the same over all attempts
    message     BLOB NOT NULL,              -- the whole MIME message
    state       TEXT NOT NULL CHECK (state IN ('queued', 'in_flight', 'sent', 'retry', 'dead', 'unknown')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER NOT NULL,           -- not before this moment (queued, retry)
    lease       INTEGER NOT NULL DEFAULT 0, -- number of the present claim
    lease_until INTEGER NOT NULL DEFAULT 0, -- in_flight: when its sender is given up
    error       TEXT NOT NULL DEFAULT '',   -- the last words of the server, or why it was dropped
    sent_at     INTEGER                     -- NULL until sent
) STRICT;
CREATE INDEX outbox_due ON outbox (state, next_at);
CREATE INDEX outbox_by_user ON outbox (created_by, id);

CREATE TABLE outbox_results (               -- which results an e-mail tells about
    mail_id   INTEGER NOT NULL REFERENCES outbox (id),
    result_id INTEGER NOT NULL REFERENCES results (id),
    PRIMARY KEY (mail_id, result_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_of_result ON outbox_results (result_id, mail_id);
