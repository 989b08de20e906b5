"""The statements of later versions; those of the first are in `chat.store.schema`, those of the index beside it."""

from typing import Final

M003: Final = (
    "ALTER TABLE turns ADD COLUMN is_example INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE choices (
        id INTEGER PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        turn_id INTEGER REFERENCES turns (id) ON DELETE CASCADE, -- turn it follows; null: before the first
        created_at TEXT NOT NULL,
        checkpoint TEXT NOT NULL,
        revision TEXT,
        family TEXT NOT NULL,
        device TEXT NOT NULL,
        dtype TEXT NOT NULL,
        quantization TEXT NOT NULL,
        context_length INTEGER NOT NULL,
        image_size INTEGER NOT NULL,
        image_detail TEXT NOT NULL,
        is_demonstration INTEGER NOT NULL,
        per_token INTEGER NOT NULL, -- 1: compared by the log-likelihood of one token on average
        number INTEGER NOT NULL, -- of the first picture that came with it, or else of the newest one seen; 0: none
        left_out INTEGER NOT NULL -- oldest messages that the model was not shown
    )
    """,
    "CREATE INDEX choices_of_session ON choices (session_id)",
    """
    CREATE TABLE choice_labels (
        choice_id INTEGER NOT NULL REFERENCES choices (id) ON DELETE CASCADE,
        position INTEGER NOT NULL, -- from 0, as they were named
        label TEXT NOT NULL,
        log_likelihood REAL NOT NULL, -- natural, of all tokens together
        token_count INTEGER NOT NULL CHECK (token_count > 0),
        PRIMARY KEY (choice_id, position)
    )
    """,
    """
    CREATE TABLE choice_images (
        choice_id INTEGER NOT NULL REFERENCES choices (id) ON DELETE CASCADE,
        position INTEGER NOT NULL, -- from 0
        image_digest TEXT NOT NULL REFERENCES images (digest),
        image_name TEXT NOT NULL,
        PRIMARY KEY (choice_id, position)
    )
    """,
)


M005: Final = """
    CREATE TABLE left_out (
        turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE, -- a user's
        picture INTEGER NOT NULL, -- which of its pictures, from 0; -1: the whole turn, with the reply to it
        PRIMARY KEY (turn_id, picture)
    )
"""

M006: Final = (
    """
    CREATE TABLE environments (
        id INTEGER PRIMARY KEY,
        -- JSON object: "files" of the checkpoint with name and sha256, "libraries" with name and version
        content TEXT NOT NULL UNIQUE
    )
    """,
    "ALTER TABLE generations ADD COLUMN environment_id INTEGER REFERENCES environments (id)",
    # Of the ids of the nearest reply above it, its prompt's and its own, how many this prompt begins with.
    "ALTER TABLE generations ADD COLUMN prompt_shared INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE generations ADD COLUMN prompt_token_ids TEXT /* JSON array: those that follow; null: not known */",
    "ALTER TABLE choices ADD COLUMN environment_id INTEGER REFERENCES environments (id)",
)

# In a table of its own: a column behind the bytes could only be read with them.
M007: Final = (
    """
    CREATE TABLE likenesses (
        image_digest TEXT PRIMARY KEY NOT NULL REFERENCES images (digest) ON DELETE CASCADE,
        hash TEXT NOT NULL -- by which like pictures are found, hexadecimal; empty: there is nothing to compare
    )
    """,
    "CREATE INDEX parts_of_image ON parts (image_digest) WHERE image_digest IS NOT NULL",
    "CREATE INDEX choices_of_image ON choice_images (image_digest)",
)

M008: Final = (
    """
    CREATE TABLE imports (
        fingerprint TEXT PRIMARY KEY NOT NULL, -- sha256 of a document's content, wherever its pictures lie
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, -- that holds it
        origin TEXT, -- by which the program that the document comes from knows it; null: that is not said
        created_at TEXT NOT NULL -- when it was brought in
    )
    """,
    "CREATE INDEX imports_of_session ON imports (session_id)",
    "CREATE INDEX imports_by_origin ON imports (origin)",
)
