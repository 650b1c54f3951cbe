package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"bulwark/internal/dynauth/das"
	"bulwark/onem2m"
)

// transaction is one transaction. It lives as long as a call of View or Update,
// and so does its context.
type transaction struct {
	ctx context.Context //nolint:containedctx // it is that of the call which the value lives in
	tx  *sql.Tx
}

var _ das.Tx = (*transaction)(nil)

// columns are those of an entry, in the order of scanEntry.
const columns = "id, grant_name, gift, token, holder, credential, audience, target, type, operation, vouched, roles, key_id, sealed, issued, not_after, revoked, because, barred, digest, owed"

// scanner is a row.
type scanner interface{ Scan(into ...any) error }

func scanEntry(row scanner) (*das.Entry, error) {
	e := &das.Entry{}
	err := row.Scan(&e.ID, &e.Grant, &e.Gift, &e.Token, &e.Holder, &e.Credential, &e.Audience, &e.Target, &e.Type, &e.Operation,
		&e.Vouched, &e.Roles, &e.KeyID, &e.Sealed, &e.Issued, &e.NotAfter, &e.Revoked, &e.Because, &e.Barred, &e.Digest, &e.Owed)
	return e, err
}

// fault names the ledger in an error, and makes the one for what is not there.
func fault(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return das.ErrNotFound
	}
	return fmt.Errorf("ledger: %w", err)
}

// Outstanding implements das.Reader.
func (t *transaction) Outstanding(grant string, originator onem2m.ID, now onem2m.Timestamp) (das.Outstanding, error) {
	var out das.Outstanding
	err := t.tx.QueryRowContext(t.ctx, `SELECT
  count(CASE WHEN revoked = 0 THEN 1 END),
  count(CASE WHEN revoked = 0 AND holder = ?1 THEN 1 END),
  coalesce(max(CASE WHEN barred AND holder = ?1 THEN not_after END), 0)
FROM entry WHERE grant_name = ?2 AND not_after > ?3`, originator, grant, now).Scan(&out.All, &out.Each, &out.Revoked)
	return out, fault(err)
}

// Entry implements das.Reader.
func (t *transaction) Entry(id string) (*das.Entry, error) {
	e, err := scanEntry(t.tx.QueryRowContext(t.ctx, "SELECT "+columns+" FROM entry WHERE id = ?", id))
	if err != nil {
		return nil, fault(err)
	}
	return e, nil
}

// Entries implements das.Reader.
func (t *transaction) Entries(f das.Filter) (all []das.Entry, err error) {
	where, args := []string{"1"}, []any{}
	add := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	for _, c := range []struct{ column, value string }{
		{"id", f.ID},
		{"grant_name", f.Grant},
		{"holder", string(f.Holder)},
		{"audience", string(f.Audience)},
		{"target", f.Target},
	} {
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	if f.Digest != "" {
		add("digest = ? AND digest <> ''", f.Digest)
	}
	if f.Nameless {
		add("token AND digest = ''")
	}
	if f.Live {
		add("revoked = 0 AND not_after > ?", f.Now)
	}
	if f.Revoked {
		add("revoked > 0 AND not_after > ?", f.Now)
	}
	if f.Owed {
		add("owed > 0 AND not_after > ?", f.Now)
	}
	query := "SELECT " + columns + " FROM entry WHERE " + strings.Join(where, " AND ") + " ORDER BY seq" //nolint:gosec // the conditions are constants
	if f.Limit > 0 {
		query += " LIMIT ?"
		args = append(args, f.Limit)
	}
	rows, err := t.tx.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, fault(err)
		}
		all = append(all, *e)
	}
	return all, fault(rows.Err())
}

// Keys implements das.Reader.
func (t *transaction) Keys() (all []das.KeyRecord, err error) {
	rows, err := t.tx.QueryContext(t.ctx, "SELECT id, algorithm, made, used_from, retired, public, sealed FROM key ORDER BY seq")
	if err != nil {
		return nil, fault(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		k := das.KeyRecord{}
		public := ""
		if err := rows.Scan(&k.ID, &k.Algorithm, &k.Made, &k.From, &k.Retired, &public, &k.Sealed); err != nil {
			return nil, fault(err)
		}
		k.Public = []byte(public)
		all = append(all, k)
	}
	return all, fault(rows.Err())
}

// Relation implements das.Reader.
func (t *transaction) Relation(tokenID string) (*das.Relation, error) {
	r := &das.Relation{TokenID: tokenID}
	err := t.tx.QueryRowContext(t.ctx, "SELECT subject, resource, signature, sealed, verified, made FROM relation WHERE token_id = ?", tokenID).
		Scan(&r.Subject, &r.Resource, &r.Signature, &r.Sealed, &r.Verified, &r.Made)
	if err != nil {
		return nil, fault(err)
	}
	return r, nil
}

// Unsealed implements das.Reader.
func (t *transaction) Unsealed() (all []das.Relation, err error) {
	rows, err := t.tx.QueryContext(t.ctx, "SELECT token_id, subject, resource, signature, verified, made FROM relation WHERE sealed = 0")
	if err != nil {
		return nil, fault(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r := das.Relation{}
		if err := rows.Scan(&r.TokenID, &r.Subject, &r.Resource, &r.Signature, &r.Verified, &r.Made); err != nil {
			return nil, fault(err)
		}
		all = append(all, r)
	}
	return all, fault(rows.Err())
}

// LastUse implements das.Reader.
func (t *transaction) LastUse(keyID string) (onem2m.Timestamp, error) {
	var at onem2m.Timestamp
	err := t.tx.QueryRowContext(t.ctx, "SELECT coalesce(max(not_after), 0) FROM entry WHERE key_id = ?", keyID).Scan(&at)
	return at, fault(err)
}

// Add implements das.Tx.
func (t *transaction) Add(e *das.Entry) error {
	_, err := t.tx.ExecContext(t.ctx, "INSERT INTO entry ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.ID, e.Grant, e.Gift, e.Token, e.Holder, e.Credential, e.Audience, e.Target, e.Type, e.Operation,
		e.Vouched, e.Roles, e.KeyID, e.Sealed, e.Issued, e.NotAfter, e.Revoked, e.Because, e.Barred, e.Digest, e.Owed)
	return fault(err)
}

// Revoke implements das.Tx.
func (t *transaction) Revoke(e *das.Entry) error {
	res, err := t.tx.ExecContext(t.ctx, "UPDATE entry SET revoked = ?, because = ?, barred = ?, owed = owed + 1 WHERE id = ?", e.Revoked, e.Because, e.Barred, e.ID)
	if err != nil {
		return fault(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(das.ErrNotFound, err)
	}
	return nil
}

// PutDigest implements das.Tx.
func (t *transaction) PutDigest(id, digest string) error {
	_, err := t.tx.ExecContext(t.ctx, "UPDATE entry SET digest = ? WHERE id = ?", digest, id)
	return fault(err)
}

// Creditors implements das.Reader.
func (t *transaction) Creditors(now onem2m.Timestamp) (all []onem2m.ID, err error) {
	rows, err := t.tx.QueryContext(t.ctx, "SELECT DISTINCT audience FROM entry WHERE owed > 0 AND not_after > ? ORDER BY audience", now)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id onem2m.ID
		if err := rows.Scan(&id); err != nil {
			return nil, fault(err)
		}
		all = append(all, id)
	}
	return all, fault(rows.Err())
}

// Owe implements das.Tx.
func (t *transaction) Owe(audience onem2m.ID) error {
	_, err := t.tx.ExecContext(t.ctx, "UPDATE entry SET owed = owed + 1 WHERE revoked > 0 AND audience = ?", audience)
	return fault(err)
}

// Settle implements das.Tx.
func (t *transaction) Settle(e *das.Entry) error {
	_, err := t.tx.ExecContext(t.ctx, "UPDATE entry SET owed = 0 WHERE id = ? AND owed = ?", e.ID, e.Owed)
	return fault(err)
}

// PutKey implements das.Tx.
func (t *transaction) PutKey(k *das.KeyRecord) error {
	_, err := t.tx.ExecContext(t.ctx, `INSERT INTO key (id, algorithm, made, used_from, retired, public, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET used_from = excluded.used_from, retired = excluded.retired`,
		k.ID, k.Algorithm, k.Made, k.From, k.Retired, string(k.Public), k.Sealed)
	return fault(err)
}

// DropKey implements das.Tx.
func (t *transaction) DropKey(id string) error {
	_, err := t.tx.ExecContext(t.ctx, "DELETE FROM key WHERE id = ?", id)
	return fault(err)
}

// PutRelation implements das.Tx.
func (t *transaction) PutRelation(r *das.Relation) error {
	_, err := t.tx.ExecContext(t.ctx, `INSERT INTO relation (token_id, subject, resource, signature, sealed, verified, made) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (token_id) DO UPDATE SET subject = excluded.subject, resource = excluded.resource, signature = excluded.signature, sealed = excluded.sealed, verified = excluded.verified, made = excluded.made`,
		r.TokenID, r.Subject, r.Resource, r.Signature, r.Sealed, r.Verified, r.Made)
	return fault(err)
}

// Prune implements das.Tx.
func (t *transaction) Prune(before onem2m.Timestamp) (int, error) {
	res, err := t.tx.ExecContext(t.ctx, "DELETE FROM entry WHERE not_after < ?", before)
	if err != nil {
		return 0, fault(err)
	}
	n, err := res.RowsAffected()
	return int(n), fault(err)
}
