package cse

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// maxGatherings bounds the addresses at which one group gathers notifications:
// they are read with every notification of a member.
const maxGatherings = 200

// gathering is an address of a group at which the notifications of its members
// come together on their way to those that a subscription to the group names
// (TS-0001 clause 10.2.7.10).
type gathering struct {
	Token      string    `json:"token"`
	Targets    []string  `json:"nu"`  // notificationURI as the originator, or the group above, gave it
	Forwarding string    `json:"nfu"` // which subscriber the notifications are for
	Creator    onem2m.ID `json:"cr"`
	Uses       int       `json:"uses"` // subscriptions and gatherings of sub-groups that send to it, and requests that set it up
}

// gathered ties what sends notifications to the gathering that it sends them to.
type gathered struct {
	Group   int64  `json:"grp"`
	Address string `json:"to"`
	Member  string `json:"mid"` // the member of the group that it was made at
}

func gatheringsName(group int64) string { return fmt.Sprintf("gatherings/%d", group) }

// gatheredName is where it stands where a sender's notifications go: a
// subscription is named by its resourceID, a gathering by its address without
// the CSE-ID.
func gatheredName(sender string) string { return "gathered/" + sender }

func loadGatherings(r store.Reader, group int64) (list []gathering, err error) {
	data, err := r.Setting(gatheringsName(group))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("gatherings of group %d: %w", group, err)
	}
	return list, nil
}

func saveGatherings(tx store.Tx, group int64, list []gathering) error {
	if len(list) == 0 {
		return tx.SetSetting(gatheringsName(group), nil)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return tx.SetSetting(gatheringsName(group), data)
}

// loadGathered returns nil for what sends to no gathering.
func loadGathered(r store.Reader, sender string) (*gathered, error) {
	data, err := r.Setting(gatheredName(sender))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // most subscriptions are of this kind
	}
	if err != nil {
		return nil, err
	}
	g := &gathered{}
	if err := json.Unmarshal(data, g); err != nil {
		return nil, fmt.Errorf("gathering of %s: %w", sender, err)
	}
	return g, nil
}

// gatheringAt splits the path of a gathering into the resourceID of its group
// and its token.
func gatheringAt(path []string) (group, token string, ok bool) {
	if len(path) != 2 || !strings.HasPrefix(path[1], notify.GatheringPrefix) {
		return "", "", false
	}
	return path[0], path[1], true
}

// bind lets a sender, which has just been made, send to a gathering.
func (g *gathered) bind(tx store.Tx, sender string) error {
	found, err := g.count(tx, +1)
	if err != nil {
		return err
	}
	if !found { // the group went while its members were asked
		return onem2m.Errorf(onem2m.TargetNotReachable, "nu", "the group doesn't gather notifications any more")
	}
	data, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return tx.SetSetting(gatheredName(sender), data)
}

// count changes the number of those who use the gathering, if it is there.
func (g *gathered) count(tx store.Tx, by int) (found bool, err error) {
	list, err := loadGatherings(tx, g.Group)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(list, func(one gathering) bool { return strings.HasSuffix(g.Address, "/"+one.Token) })
	if i < 0 {
		return false, nil
	}
	list[i].Uses += by
	return true, saveGatherings(tx, g.Group, list)
}

// release lets go of a gathering that a sender, or a request, has used. One that
// nobody uses any more goes, and what it holds is sent.
func (c *CSE) release(tx store.Tx, g *gathered) error {
	if _, err := g.count(tx, -1); err != nil {
		return err
	}
	list, err := loadGatherings(tx, g.Group)
	if err != nil {
		return err
	}
	for i, one := range list {
		if !strings.HasSuffix(g.Address, "/"+one.Token) || one.Uses > 0 {
			continue
		}
		if err := c.Notifier.EndGathering(tx, g.Address); err != nil {
			return err
		}
		if err := saveGatherings(tx, g.Group, slices.Delete(list, i, i+1)); err != nil {
			return err
		}
		return c.unbind(tx, strings.TrimPrefix(g.Address, c.Home.CSE+"/"))
	}
	return nil
}

// unbind says that a sender is gone.
func (c *CSE) unbind(tx store.Tx, sender string) error {
	g, err := loadGathered(tx, sender)
	if err != nil || g == nil {
		return err
	}
	if err := tx.SetSetting(gatheredName(sender), nil); err != nil {
		return err
	}
	return c.release(tx, g)
}

// removeGroup ends what a group has gathered: it is sent now (C-357).
func removeGroup(c *CSE, tx store.Tx, rec *store.Record) error {
	if err := c.endUnverified(tx, rec.ID); err != nil {
		return err
	}
	list, err := loadGatherings(tx, rec.ID)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, one := range list {
		if err := c.Notifier.EndGathering(tx, c.reference(rec.RI)+"/"+one.Token); err != nil {
			return err
		}
	}
	if err := saveGatherings(tx, rec.ID, nil); err != nil {
		return err
	}
	for _, one := range list {
		if err := c.unbind(tx, rec.RI+"/"+one.Token); err != nil {
			return err
		}
	}
	return nil
}

// Gathering returns what is gathered at an address of a group, for a sender
// that has to be one of its members (C-356, C-357). It serves the notification
// engine.
func (c *CSE) Gathering(r store.Reader, address, sender string) (notify.Gathering, error) {
	group, one, err := c.gatheringOf(r, address)
	if err != nil {
		return notify.Gathering{}, err
	}
	attrs := attributes(group)
	if sender != "" {
		if err := c.mayGather(r, attrs, address, one, sender); err != nil {
			return notify.Gathering{}, err
		}
	}
	out := notify.Gathering{}
	if nar := attrs.Get("nar"); nar != nil && !attrs.IsNull("nar") {
		out, err = notify.ReadBatch(nar, "nar")
	} else {
		out, err = notify.ReadBatch([]byte("{}"), "nar")
		n, _ := attrs.Int("cnm")
		out.Number = max(n, 1)
	}
	out.Targets = one.Targets
	return out, err
}

// gatheringOf finds a gathering whose group is alive.
func (c *CSE) gatheringOf(r store.Reader, address string) (*store.Record, *gathering, error) {
	a, err := onem2m.ParseAddress(address)
	if err != nil {
		return nil, nil, err
	}
	ri, token, ok := gatheringAt(a.Path)
	if !ok || !a.Local(c.Home) {
		return nil, nil, notFound()
	}
	t, err := c.resolve(r, []string{ri}, onem2m.TimestampOf(c.Now()))
	if err != nil {
		return nil, nil, err
	}
	list, err := loadGatherings(r, t.rec.ID)
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		if list[i].Token == token {
			return t.rec, &list[i], nil
		}
	}
	return nil, nil, notFound()
}

// mayGather holds a sender of this CSE against the members of the group: it was
// made through the group, at what is a member still, and says whom its
// notifications are for.
func (c *CSE) mayGather(r store.Reader, group onem2m.Object, address string, one *gathering, sender string) error {
	from, err := loadGathered(r, sender)
	if err != nil {
		return err
	}
	members, _ := group.Texts("mid")
	if from == nil || from.Address != address || !slices.Contains(members, from.Member) {
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "sur", "not from a member of the group")
	}
	if strings.Contains(sender, "/") {
		return nil // a sub-group, which has looked itself
	}
	sub, err := r.ByRI(sender)
	if err != nil {
		return missing(err)
	}
	if nfu, _ := attributes(sub).Text("nfu"); nfu != one.Forwarding {
		return onem2m.Errorf(onem2m.OriginatorHasNoPrivilege, "nfu", "the subscription isn't forwarded")
	}
	return nil
}
