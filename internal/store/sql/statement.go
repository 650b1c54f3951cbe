package sql

// statement names one of the statements that connections keep prepared.
type statement int

const (
	stBeginRead statement = iota
	stBeginWrite
	stCommit
	stRollback
	stSavepoint
	stRelease
	stUndo

	stByID
	stByRI
	stByName
	stNewest
	stOldest
	stChildren
	stChildrenOfType
	stDue
	stOfType
	stOfBulkType
	stLabelled
	stParents
	stLatestExpiry

	stInsertNamed
	stInsertUnnamed
	stReplace
	stCount
	stRemove
	stLabel
	stUnlabel
	stDetach

	stDeliveries
	stHeld
	stUndelivered
	stEnqueue
	stPostpone
	stSettle

	stSetting
	stSettings
	stSetSetting
	stDropSetting

	stCredential
	stBoundTo
	stBindings
	stBind
	stUnbind

	stLastResource
	stLastDelivery
	stCounter
	stSetCounter

	statementCount
)

// detachedParent stands in the column parent of a root that Detach cut off.
const detachedParent = -1

const columns = "id, parent, ri, rn, ty, root, ct, lt, et, due, origin, size, counted, st, cni, cbs, attributes"

const deliveryColumns = "id, target, subscription, event, request, priority, final, payload, created, attempts, not_before, held, category, events"

const selectDelivery = "SELECT " + deliveryColumns + " FROM delivery WHERE "

// selectLabelled joins by way of the index of labels; the first of columns is id.
const selectLabelled = "SELECT resource." + columns + " FROM label JOIN resource ON resource.id = label.id "

// selectParents jumps from parent to parent in the index of children, however
// many children each has.
const selectParents = "WITH RECURSIVE next (id) AS (" +
	"SELECT MIN(parent) FROM resource WHERE parent >= $1 AND parent <= $2 UNION ALL " +
	"SELECT (SELECT MIN(parent) FROM resource WHERE parent > next.id AND parent <= $2) FROM next WHERE next.id IS NOT NULL" +
	") SELECT id FROM next WHERE id IS NOT NULL"

const selectRecord = "SELECT " + columns + " FROM resource "

// An insert finds out by itself whether the name is taken, where the index of
// names can't know: a NULL resourceID then violates the table. It is no INSERT …
// SELECT with a condition, which SQLite would protect by a journal of its own,
// at a cost that grows with the transaction.
const (
	insertRecord = "INSERT INTO resource (" + columns + ", bulk)" +
		" VALUES ($1, $2, CASE WHEN EXISTS (SELECT 1 FROM resource WHERE "
	insertRest = ") THEN NULL ELSE $3 END, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
)

// statementText returns the text of a statement. Parameters are numbered, as
// both engines take them. "bulk = 0" stands as a literal where it selects a
// partial index; where it doesn't, a sign hides the parameter from SQLite, which
// would plan the statement anew for each value, in case such an index applies.
func statementText(s statement) string {
	if t := resourceText(s); t != "" {
		return t
	}
	switch s {
	case stBeginRead:
		return beginRead
	case stBeginWrite:
		return beginWrite
	case stCommit:
		return "COMMIT"
	case stRollback:
		return "ROLLBACK"
	case stSavepoint:
		return "SAVEPOINT job"
	case stRelease:
		return "RELEASE SAVEPOINT job"
	case stUndo:
		return "ROLLBACK TO SAVEPOINT job"
	case stDeliveries:
		return selectDelivery + "id > $1 ORDER BY id LIMIT $2"
	case stHeld:
		return selectDelivery + "held > 0 AND subscription = $1 AND id > $2 ORDER BY id LIMIT $3"
	case stUndelivered:
		return "SELECT COUNT(*) FROM delivery WHERE subscription = $1 AND event = $2"
	case stEnqueue:
		return "INSERT INTO delivery (" + deliveryColumns + ")" +
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
	case stPostpone:
		return "UPDATE delivery SET attempts = $2, not_before = $3 WHERE id = $1"
	case stSettle:
		return "DELETE FROM delivery WHERE id = $1"
	case stSetting:
		return "SELECT value FROM setting WHERE name = $1"
	case stSettings:
		return "SELECT name, value FROM setting WHERE name >= $1 AND name < $2"
	case stSetSetting:
		return "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
	case stDropSetting:
		return "DELETE FROM setting WHERE name = $1"
	case stCredential:
		return "SELECT credential FROM binding WHERE ae = $1"
	case stBoundTo:
		return "SELECT ae FROM binding WHERE credential = $1 ORDER BY ae"
	case stBindings:
		return "SELECT ae, credential, since FROM binding ORDER BY ae"
	case stBind:
		return "INSERT INTO binding (ae, credential, since) VALUES ($1, $2, $3)"
	case stUnbind:
		return "DELETE FROM binding WHERE ae = $1"
	case stLastResource:
		return "SELECT MAX(id) FROM resource"
	case stLastDelivery:
		return "SELECT MAX(id) FROM delivery"
	case stCounter:
		return "SELECT value FROM counter WHERE name = $1"
	case stSetCounter:
		return "UPDATE counter SET value = $2 WHERE name = $1"
	default:
		return ""
	}
}

// resourceText returns the texts that concern the table of resources.
func resourceText(s statement) string {
	switch s {
	case stByID:
		return selectRecord + "WHERE id = $1"
	case stByRI:
		return selectRecord + "WHERE ri = $1"
	case stByName:
		return selectRecord + "WHERE parent = $1 AND rn = $2"
	case stNewest:
		return selectRecord + "WHERE parent = $1 AND bulk = +$2 AND ty = $3 AND (et = 0 OR et > $4) ORDER BY id DESC LIMIT 1"
	case stOldest:
		return selectRecord + "WHERE parent = $1 AND bulk = +$2 AND ty = $3 AND (et = 0 OR et > $4) ORDER BY id LIMIT 1"
	case stChildren:
		return selectRecord + "WHERE parent = $1 AND bulk = +$2 AND id > $3 AND ty <> $4 ORDER BY id LIMIT $5"
	case stChildrenOfType:
		return selectRecord + "WHERE parent = $1 AND bulk = 0 AND ty = $2 AND id > $3 ORDER BY id LIMIT $4"
	case stDue:
		return selectRecord + "WHERE due IS NOT NULL AND due <= $1 ORDER BY due, id LIMIT $2"
	case stOfType:
		return selectRecord + "WHERE bulk = 0 AND ty = $1 AND id > $2 AND parent >= 0 ORDER BY id LIMIT $3"
	case stOfBulkType:
		return selectRecord + "WHERE bulk = 1 AND ty = $1 AND id > $2 AND parent >= 0 ORDER BY id LIMIT $3"
	case stLabelled:
		return selectLabelled + "WHERE label.value = $1 AND label.id > $2 AND parent >= 0 ORDER BY label.id LIMIT $3"
	case stParents:
		return selectParents
	case stLatestExpiry:
		return "SELECT MAX(et) FROM resource WHERE parent = $1 AND et > 0"
	case stInsertNamed:
		return insertRecord + "ri = $4 AND parent = $2 AND rn IS NULL" + insertRest
	case stInsertUnnamed:
		return insertRecord + "parent = $2 AND rn = $3" + insertRest
	case stReplace:
		return "UPDATE resource SET root = $2, ct = $3, lt = $4, et = $5, due = $6, origin = $7, size = $8," +
			" counted = $9, st = $10, cni = $11, cbs = $12, attributes = $13 WHERE id = $1"
	case stCount:
		return "UPDATE resource SET st = $2, cni = $3, cbs = $4 WHERE id = $1"
	case stRemove:
		return "DELETE FROM resource WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM resource AS child WHERE child.parent = $1)" +
			" RETURNING parent, ty, attributes"
	case stLabel:
		return "INSERT INTO label (value, id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
	case stUnlabel:
		return "DELETE FROM label WHERE value = $1 AND id = $2"
	case stDetach:
		return "UPDATE resource SET parent = -1, ri = $2, rn = NULL, due = NULL WHERE id = $1"
	default:
		return ""
	}
}
