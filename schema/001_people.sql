-- Who works here. All times are milliseconds since 1970-01-01 UTC. Tables are STRICT; a column that may be NULL says why.

CREATE TABLE meta (                         -- facts about the station itself
    name  TEXT PRIMARY KEY,                 -- demo: 'yes'; created_at
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (                        -- accounts; never deleted, only disabled
    id              INTEGER PRIMARY KEY,
    username        TEXT NOT NULL,          -- as typed at registration
    username_fold   TEXT NOT NULL UNIQUE,   -- case and accents folded: what sign-in compares
    email           TEXT NOT NULL,
    email_fold      TEXT NOT NULL UNIQUE,   -- the same for the address
    first_name      TEXT NOT NULL,
    last_name       TEXT NOT NULL,
    roles           INTEGER NOT NULL CHECK (roles BETWEEN 1 AND 15), -- bits: 1 patient, 2 doctor, 4 researcher, 8 administrator
    password_hash   TEXT NOT NULL,          -- bcrypt $2b$
    date_joined     INTEGER NOT NULL,
    disabled        INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    failures        INTEGER NOT NULL DEFAULT 0, -- wrong passwords since the last right one
    last_failure_at INTEGER NOT NULL DEFAULT 0, -- 0: none
    locked_until    INTEGER NOT NULL DEFAULT 0  -- sign-in refused before this moment
) STRICT;

CREATE TABLE strangers (                    -- wrong sign-ins under names nobody has: they are slowed and locked like real ones
    name_hash       BLOB PRIMARY KEY,       -- keyed BLAKE2b of the folded name; people type passwords there by mistake
    failures        INTEGER NOT NULL,
    last_failure_at INTEGER NOT NULL,
    locked_until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX strangers_by_age ON strangers (last_failure_at);

CREATE TABLE sessions (                     -- one row per sign-in
    id           INTEGER PRIMARY KEY,
    token_hash   BLOB NOT NULL UNIQUE,      -- BLAKE2b of the token; the token itself is only with its owner
    user_id      INTEGER NOT NULL REFERENCES users (id),
    roles        INTEGER NOT NULL,          -- powers of this session: all of the person's, or the one asked for
    tty          TEXT NOT NULL,             -- terminal, '' when unknown
    host         TEXT NOT NULL,             -- where from, '' when unknown
    started_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,          -- exact to a minute
    expires_at   INTEGER NOT NULL,
    ended_at     INTEGER,                   -- NULL while it is open
    why          TEXT                       -- NULL while it is open; sign-out, password, disabled, expired ...
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id, ended_at);

CREATE TABLE disclaimers (                  -- the notice each person acknowledged
    user_id     INTEGER NOT NULL REFERENCES users (id),
    version     TEXT NOT NULL,              -- of the notice
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE drafts (                       -- half-filled forms, kept over lock and hang-up
    user_id  INTEGER NOT NULL REFERENCES users (id),
    form     TEXT NOT NULL,                 -- name of the form
    fields   TEXT NOT NULL,                 -- JSON object
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, form)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (                        -- what happened, chained: see store/audit.c
    id      INTEGER PRIMARY KEY,            -- 1, 2, 3 ... without gaps
    at      INTEGER NOT NULL,
    user_id INTEGER NOT NULL,               -- 0: nobody signed in
    op      TEXT NOT NULL,                  -- operation of the table of operations
    subject TEXT NOT NULL,                  -- 'result 871'
    detail  TEXT NOT NULL,                  -- what changed; no names, no passwords
    hash    BLOB NOT NULL                   -- keyed BLAKE2b of the row and the hash before it
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
