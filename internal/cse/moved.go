package cse

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/contact"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// oweMove lets the IN-CSE tell of the new place of an AE: the CSE where it was, and
// those that have said that they refer to it (TS-0004 clause 7.5.1.2.16, case b).
// With here also what refers to it on this CSE is going to follow.
func (c *CSE) oweMove(tx store.Tx, was, is contact.Name, here bool) error {
	targets := []string{was.Registrar()}
	lists, err := tx.OfType(onem2m.TypeAEContactList, 0, 1)
	if err != nil {
		return err
	}
	for _, list := range lists {
		err := c.eachChild(tx, list.ID, 0, 0, func(rec *store.Record) (bool, error) {
			csi, _ := attributes(rec).Text("csi")
			if names, _ := attributes(rec).Texts("ail"); slices.Contains(names, string(was)) && !slices.Contains(targets, csi) {
				targets = append(targets, csi)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	if here {
		targets = append(targets, c.Home.CSE)
	}
	notice := onem2m.Object{
		{Name: "aerp", Value: onem2m.BoolValue(true)},
		{Name: "tid1", Value: onem2m.TextValue(string(was))},
		{Name: "tid2", Value: onem2m.TextValue(string(is))},
		{Name: "sur", Value: onem2m.TextValue(c.Home.CSE)},
	}
	for _, cse := range targets {
		// The address is followed by what makes it unlike that of other moves.
		if err := c.oweCopy(tx, arrear{Copy: cse + "/-?" + string(was) + "?" + string(is), Notice: notice.Append(nil)}); err != nil {
			return err
		}
	}
	return nil
}

// tellMove sends what oweMove owes, or follows it on this CSE.
func (c *CSE) tellMove(ctx context.Context, host onem2m.ID, notice jsontext.Value) error {
	if host != c.Home.ID() {
		_, err := c.toCopy(ctx, host, &onem2m.Request{
			Operation: onem2m.Notify, To: host.Across(c.Home) + "/-", Content: &onem2m.Content{Name: "m2m:sgn", Value: notice},
		})
		return err
	}
	o, err := onem2m.ParseObject(notice)
	if err != nil {
		return err
	}
	was, _ := o.Text("tid1")
	is, _ := o.Text("tid2")
	return c.redirectReferences(ctx, contact.Name(was), contact.Name(is))
}

// target is the address in the key of a debt.
func (a *arrear) target() string {
	to, _, _ := strings.Cut(a.Copy, "?")
	return to
}
