-- Patients, pictures, results. What was measured or decided is never changed: corrections are rows of their own.

CREATE TABLE patients (
    id         INTEGER PRIMARY KEY,         -- the number on the card
    name       TEXT NOT NULL,               -- any script, as given
    name_fold  TEXT NOT NULL,               -- folded: what is sorted by
    sex        TEXT NOT NULL CHECK (sex IN ('', 'F', 'M', 'X')),
    birth_year INTEGER,                     -- NULL: unknown
    phone      TEXT NOT NULL,
    digits     TEXT NOT NULL,               -- of the phone number: what is compared
    consent    INTEGER NOT NULL CHECK (consent IN (0, 1)), -- to analysis and keeping
    notes      TEXT NOT NULL,
    user_id    INTEGER UNIQUE REFERENCES users (id), -- account of the patient; NULL: none
    created_at INTEGER NOT NULL,
    created_by INTEGER NOT NULL REFERENCES users (id)
) STRICT;
CREATE INDEX patients_by_name ON patients (name_fold, id);
CREATE INDEX patients_by_digits ON patients (digits);

CREATE TABLE patient_history (              -- how a patient's row read before each edit
    id         INTEGER PRIMARY KEY,
    patient_id INTEGER NOT NULL REFERENCES patients (id),
    former     TEXT NOT NULL,               -- JSON object of the columns
    changed_at INTEGER NOT NULL,
    changed_by INTEGER NOT NULL REFERENCES users (id)
) STRICT;
CREATE INDEX patient_history_of ON patient_history (patient_id);

CREATE TABLE images (                       -- one row per picture handed in
    id          INTEGER PRIMARY KEY,
    image       TEXT NOT NULL,              -- YYYY/MM/DD/<sha256>.<ext> below images/
    name        TEXT NOT NULL,              -- file name as handed in
    sha256      TEXT NOT NULL,
    format      TEXT NOT NULL,
    file_size   INTEGER NOT NULL,
    width       INTEGER NOT NULL,
    height      INTEGER NOT NULL,
    uploaded_at INTEGER NOT NULL,
    uploaded_by INTEGER NOT NULL REFERENCES users (id)
) STRICT;
CREATE INDEX images_by_user ON images (uploaded_by, uploaded_at);
CREATE INDEX images_by_time ON images (uploaded_at);

CREATE TABLE results (                      -- what a network said about a picture; append-only
    id              INTEGER PRIMARY KEY,
    image_id        INTEGER NOT NULL UNIQUE REFERENCES images (id),
    patient_name    TEXT NOT NULL,          -- of a walk-in, '' when unknown
    patient_age     INTEGER,                -- of a walk-in, NULL: unknown
    notes           TEXT NOT NULL,
    predicted_class TEXT NOT NULL,
    confidence      REAL NOT NULL,          -- percent
    raw_score       REAL NOT NULL,          -- of the positive class, else of the top class
    threshold       REAL,                   -- operating point; NULL: the network has none
    positive        INTEGER,                -- 0, 1; NULL: the network has no positive class
    model_id        TEXT NOT NULL,
    model_version   TEXT NOT NULL,
    model_sha256    TEXT NOT NULL,
    processing_time REAL NOT NULL,          -- seconds
    detail          TEXT NOT NULL,          -- JSON: scores, recommendations, passport_line, timings_ms
    created_at      INTEGER NOT NULL,
    created_by      INTEGER NOT NULL REFERENCES users (id)
) STRICT;
CREATE TRIGGER results_no_update BEFORE UPDATE ON results BEGIN SELECT RAISE(ABORT, 'results are append-only'); END;
CREATE TRIGGER results_no_delete BEFORE DELETE ON results BEGIN SELECT RAISE(ABORT, 'results are append-only'); END;

CREATE TABLE result_events (                -- what people decided about a result; append-only, the youngest of a kind counts
    id        INTEGER PRIMARY KEY,
    result_id INTEGER NOT NULL REFERENCES results (id),
    kind      TEXT NOT NULL CHECK (kind IN ('review', 'release', 'withdraw', 'attach', 'void')),
    agree     INTEGER,                      -- review: 1 agrees with the network, 0 does not
    own_class TEXT,                         -- review: class in the reader's judgement; NULL: not said
    patient_id INTEGER REFERENCES patients (id), -- attach: to whom
    note      TEXT NOT NULL,                -- review: note; void: reason
    at        INTEGER NOT NULL,
    by        INTEGER NOT NULL REFERENCES users (id)
) STRICT;
CREATE INDEX result_events_of ON result_events (result_id, kind, id);
CREATE TRIGGER result_events_no_update BEFORE UPDATE ON result_events BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER result_events_no_delete BEFORE DELETE ON result_events BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TABLE result_index (                 -- derived from the three above, so that lists of a million stay quick
    id              INTEGER PRIMARY KEY,    -- of the result
    created_at      INTEGER NOT NULL,
    created_by      INTEGER NOT NULL,
    predicted_class TEXT NOT NULL,
    confidence      REAL NOT NULL,
    raw_score       REAL NOT NULL,
    positive        INTEGER,                -- as in results
    model_id        TEXT NOT NULL,
    patient_id      INTEGER,                -- NULL: a walk-in
    name_fold       TEXT NOT NULL,          -- of the patient or walk-in
    reviewed        INTEGER NOT NULL,       -- 0, 1
    released        INTEGER NOT NULL,       -- 0, 1
    voided          INTEGER NOT NULL,       -- 0, 1
    mail            TEXT NOT NULL           -- state of the youngest e-mail about it, '' when none
) STRICT;
-- The first four carry what is filtered by most often, so that counting does not leave the index.
CREATE INDEX result_by_time ON result_index (created_at, id, voided, reviewed, released, positive, confidence);
CREATE INDEX result_by_confidence ON result_index (confidence, id, voided, reviewed, released, positive, created_at);
CREATE INDEX result_by_class ON result_index (predicted_class, created_at, id, voided, reviewed, released, positive, confidence);
CREATE INDEX result_by_class_confidence ON result_index (predicted_class, confidence, id, voided, reviewed, released, positive,
                                                         created_at);
CREATE INDEX result_by_score ON result_index (raw_score, id, voided);
CREATE INDEX result_by_model ON result_index (model_id, created_at, id, voided);
CREATE INDEX result_by_class_alone ON result_index (predicted_class, id, voided);
CREATE INDEX result_by_model_alone ON result_index (model_id, id, voided);
CREATE INDEX result_by_name ON result_index (name_fold, id, voided);
CREATE INDEX result_by_patient ON result_index (patient_id, created_at, id, voided) WHERE patient_id IS NOT NULL;
CREATE INDEX result_by_review ON result_index (reviewed, created_at, id, voided);
CREATE INDEX result_by_release ON result_index (released, created_at, id, voided);

CREATE TABLE result_totals (                -- derived: how many results are alike in these; counting a million takes too long
    created_by      INTEGER NOT NULL,
    predicted_class TEXT NOT NULL,
    positive        INTEGER NOT NULL,       -- -1: the network has no positive class
    model_id        TEXT NOT NULL,
    reviewed        INTEGER NOT NULL,
    released        INTEGER NOT NULL,
    voided          INTEGER NOT NULL,
    n               INTEGER NOT NULL,
    PRIMARY KEY (created_by, predicted_class, positive, model_id, reviewed, released, voided)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER result_totals_add AFTER INSERT ON result_index BEGIN
    INSERT INTO result_totals VALUES (new.created_by, new.predicted_class, coalesce(new.positive, -1), new.model_id,
                                      new.reviewed, new.released, new.voided, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER result_totals_move AFTER UPDATE OF reviewed, released, voided ON result_index BEGIN
    UPDATE result_totals SET n = n - 1
    WHERE created_by = old.created_by AND predicted_class = old.predicted_class AND positive = coalesce(old.positive, -1)
      AND model_id = old.model_id AND reviewed = old.reviewed AND released = old.released AND voided = old.voided;
    INSERT INTO result_totals VALUES (new.created_by, new.predicted_class, coalesce(new.positive, -1), new.model_id,
                                      new.reviewed, new.released, new.voided, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;

-- Any three letters of a name, a phone number, a patient's number or a birth year. Row 2 * patient, or 2 * result + 1 for a walk-in.
CREATE VIRTUAL TABLE name_search USING fts5 (words, tokenize = 'trigram', detail = 'full');
