-- Labels by value: a discovery by label then reads what has it, not the tree. A
-- resource without labels has no rows here.
CREATE TABLE label (
	value TEXT   NOT NULL,
	id    BIGINT NOT NULL,
	PRIMARY KEY (value, id)
);
INSERT INTO label (value, id) {labels};
