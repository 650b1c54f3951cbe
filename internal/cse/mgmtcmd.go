package cse

import (
	"slices"

	"bulwark/access"
	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// Values of m2m:execStatusType and m2m:execModeType.
const (
	execInitiated = 1
	execPending   = 2
	execCancelled = 5

	modeRandomOnce   = 3
	modeRandomRepeat = 4
)

func mgmtCmdProcedures() *procedures {
	return &procedures{content: mgmtCmdContent, check: checkMgmtCmd, create: createMgmtCmd, update: updateMgmtCmd}
}

// commandArguments are the members of execReqArgs by cmdType, from 1 on.
func commandArguments() []string {
	return []string{"", "rst", "rbo", "uld", "dld", "swin", "swup", "swun"}
}

// mgmtCmdContent has codes of its own for what is wrong with a command (C-420).
// They come in the turn of the Content, not at once.
func mgmtCmdContent(k *call, info *onem2m.TypeInfo) error {
	if k.req.Operation != onem2m.Create || k.draft.raw == nil {
		return nil
	}
	command, given := k.draft.raw.Int("cmt")
	if given && (command < 1 || int(command) >= len(commandArguments())) {
		k.draft.err = onem2m.Errorf(onem2m.InvalidCmdtype, "cmt", "no such command")
		return nil
	}
	if given && k.draft.err != nil {
		if err := commandError(info, k.draft.raw, command); err != nil {
			k.draft.err = err
		}
	}
	return nil
}

// commandError tells arguments that don't belong to the command, and missing
// ones, from other mistakes.
func commandError(info *onem2m.TypeInfo, attrs onem2m.Object, command int64) error {
	given, ok := attrs.Object("exra")
	if !ok {
		return nil
	}
	want := commandArguments()[command]
	for _, m := range given {
		if m.Name != want {
			return onem2m.Errorf(onem2m.InvalidArguments, "exra", "not the arguments of the command, %s", want)
		}
	}
	list, _ := given.Objects(want)
	members := info.Attribute("exra").Type.Member(want).Type.Item
	for _, entry := range list {
		for _, m := range members.Members {
			if m.Mandatory && !entry.Has(m.Short) {
				return onem2m.Errorf(onem2m.InsufficientArguments, m.Short, "the command needs it")
			}
		}
	}
	return nil
}

// checkMgmtCmd: arguments go with the command; target and mode stay as they are
// once there are runs (C-420, C-421).
func checkMgmtCmd(k *call, r store.Reader, s *subject) error {
	command, _ := s.attrs.Int("cmt")
	if command < 1 || int(command) >= len(commandArguments()) {
		return onem2m.Errorf(onem2m.InvalidCmdtype, "cmt", "no such command")
	}
	if err := commandError(s.info, s.attrs, command); err != nil {
		return err
	}
	if s.old == nil || !k.draft.attrs.Has("ext") && !k.draft.attrs.Has("exm") {
		return nil
	}
	runs, err := r.Children(s.id, store.Page{Only: onem2m.TypeExecInstance, Limit: 1})
	if err == nil && len(runs) > 0 {
		err = onem2m.Errorf(onem2m.OperationNotAllowed, "ext", "target and mode don't change while there are runs")
	}
	return err
}

func createMgmtCmd(_ *call, _ store.Tx, s *subject) error {
	s.setDefaults(onem2m.Object{
		{Name: "exe", Value: onem2m.BoolValue(false)},
		{Name: "exm", Value: onem2m.IntValue(1)},
	})
	return nil
}

// updateMgmtCmd starts a run at each target (C-420). What happens there is up to
// the managed entity, which learns of the run by subscription: this CSE speaks
// no management protocol.
func updateMgmtCmd(k *call, tx store.Tx, s *subject) error {
	on, _ := s.attrs.Bool("exe")
	if !on || !s.touches("exe") {
		return nil
	}
	target, _ := s.attrs.Text("ext")
	targets, err := k.execTargets(tx, target)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if err := k.startRun(tx, s, target); err != nil {
			return err
		}
	}
	return nil
}

// maxRuns bounds the runs that one UPDATE starts.
const maxRuns = 1000

// execTargets are the members of a group, or what is named itself.
func (k *call) execTargets(r store.Reader, target string) ([]string, error) {
	address, err := onem2m.ParseAddress(target)
	if err != nil || !address.Local(k.c.Home) {
		return []string{target}, nil //nolint:nilerr // a node identifier needn't be an address
	}
	t, err := k.c.resolve(r, address.Path, k.now)
	if err != nil {
		return []string{target}, unlessMissing(err)
	}
	if t.virtual != "" || t.rec.Type != onem2m.TypeGroup {
		return []string{target}, nil
	}
	readable, err := k.permitted(r, t.rec, onem2m.Retrieve, access.Retrieve)
	if err != nil || !readable {
		return []string{target}, err // the runs would tell who is in the group
	}
	members, _ := attributes(t.rec).Texts("mid")
	if len(members) > maxRuns {
		return nil, onem2m.Errorf(onem2m.MaxNumberOfMemberExceeded, "ext", "more than %d targets", maxRuns)
	}
	return members, nil
}

// startRun makes an <execInstance>.
func (k *call) startRun(tx store.Tx, s *subject, target string) error {
	run := &subject{
		info: onem2m.TypeByNumber(onem2m.TypeExecInstance), parent: s.old,
		id: tx.NextID(), now: s.now, et: s.et, origin: k.from.ID,
	}
	run.ri = k.c.names.resourceID(run.info.Root, run.id)
	run.rn = run.ri
	status := int64(execPending)
	if mode, _ := s.attrs.Int("exm"); mode == modeRandomOnce || mode == modeRandomRepeat {
		status = execInitiated
	}
	run.set("exs", onem2m.IntValue(status))
	run.set("ext", onem2m.TextValue(target))
	for _, name := range []string{"exm", "exf", "exy", "exn", "exra", "acpi"} {
		if v := s.attrs.Get(name); v != nil {
			run.set(name, v)
		}
	}
	k.c.passLinks(tx, s.old, run, k.now)
	rec := run.record()
	if err := k.c.insert(tx, rec); err != nil {
		return err
	}
	return k.c.Notifier.Record(tx, notify.Event{Type: notify.ChildCreated, Resource: s.old, Child: rec, Originator: k.from.ID})
}

func execInstanceProcedures() *procedures {
	return &procedures{noCreate: true, check: checkExecInstance, update: updateExecInstance}
}

// checkExecInstance: only what is on its way can be cancelled (C-422).
func checkExecInstance(k *call, _ store.Reader, s *subject) error {
	cancel, _ := k.draft.attrs.Bool("exd")
	if !cancel {
		return nil
	}
	status, _ := attributes(s.old).Int("exs")
	if status != execInitiated && status != execPending {
		return onem2m.Errorf(onem2m.AlreadyComplete, "exd", "nothing is pending any more")
	}
	return nil
}

// updateExecInstance cancels a run. No device has been told of it by the CSE, so
// nothing stands in the way.
func updateExecInstance(_ *call, _ store.Tx, s *subject) error {
	if cancel, _ := s.attrs.Bool("exd"); cancel && s.touches("exd") {
		s.set("exs", onem2m.IntValue(execCancelled))
		s.touched = append(slices.Clip(s.touched), "exs")
	}
	return nil
}
