-- Notifications that a policy of their subscription holds back: which stage they
-- wait at (0: none), their Event Category, and how many events each tells of.
ALTER TABLE delivery ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN category BIGINT NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN events BIGINT NOT NULL DEFAULT 1;
CREATE INDEX delivery_held ON delivery (subscription, id) WHERE held > 0;
