-- {id} and {bytes} are filled in by the dialect.

-- Resources. parent is 0 for the CSEBase and -1 for a detached root. rn is NULL
-- where it equals ri: most instances, which then need no entry in the index of
-- names. bulk is 1 for instances: they are in three indexes only.
-- No foreign keys: parent refers to rows that the writer checks, and a detached
-- root must be cut without touching what lies below it.
CREATE TABLE resource (
	id         {id} NOT NULL,
	parent     BIGINT NOT NULL,
	ri         TEXT   NOT NULL,
	rn         TEXT,
	bulk       BIGINT NOT NULL,
	ty         BIGINT NOT NULL,
	root       TEXT   NOT NULL,
	ct         BIGINT NOT NULL,
	lt         BIGINT NOT NULL,
	et         BIGINT NOT NULL,
	due        BIGINT,
	origin     TEXT   NOT NULL,
	size       BIGINT NOT NULL,
	counted    BIGINT NOT NULL,
	st         BIGINT NOT NULL,
	cni        BIGINT NOT NULL,
	cbs        BIGINT NOT NULL,
	attributes {bytes}   NOT NULL,
	PRIMARY KEY (id)
);
CREATE UNIQUE INDEX resource_ri ON resource (ri);
CREATE UNIQUE INDEX resource_name ON resource (parent, rn) WHERE rn IS NOT NULL;
CREATE INDEX resource_child ON resource (parent, bulk, id);
CREATE INDEX resource_child_type ON resource (parent, ty, id) WHERE bulk = 0;
CREATE INDEX resource_type ON resource (ty, id) WHERE bulk = 0;
CREATE INDEX resource_expiry ON resource (parent, et) WHERE et > 0;
CREATE INDEX resource_due ON resource (due, id) WHERE due IS NOT NULL;

-- Notifications that wait for delivery.
CREATE TABLE delivery (
	id           {id} NOT NULL,
	target       TEXT   NOT NULL,
	subscription TEXT   NOT NULL,
	event        BIGINT NOT NULL,
	request      TEXT   NOT NULL,
	priority     BIGINT NOT NULL,
	final        BIGINT NOT NULL,
	payload      {bytes}   NOT NULL,
	created      BIGINT NOT NULL,
	attempts     BIGINT NOT NULL,
	not_before   BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX delivery_event ON delivery (subscription, event);

-- Single values by name.
CREATE TABLE setting (
	name  TEXT NOT NULL,
	value {bytes} NOT NULL,
	PRIMARY KEY (name)
);

-- AE-IDs and the credential each is bound to (TS-0003 clause 8.2).
CREATE TABLE binding (
	ae         TEXT   NOT NULL,
	credential TEXT   NOT NULL,
	since      BIGINT NOT NULL,
	PRIMARY KEY (ae)
);
CREATE INDEX binding_credential ON binding (credential, ae);

-- The greatest number handed out, rounded up: numbers are never used again.
CREATE TABLE counter (
	name  TEXT   NOT NULL,
	value BIGINT NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO counter (name, value) VALUES ('resource', 0), ('delivery', 0);
