package notify

import (
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// schedule sends what the schedules let through and keeps the rest as
// pendingNotification says (C-305 to C-307).
func (p *passage) schedule(pending []*store.Delivery, going []unit) error {
	byTarget := map[string][]letter{}
	var targets []string
	add := func(l letter) {
		if byTarget[l.Target] == nil {
			targets = append(targets, l.Target)
		}
		byTarget[l.Target] = append(byTarget[l.Target], l)
	}
	waiting := map[string]int{} // how many of a target are in the cache already
	for _, d := range pending {
		waiting[d.Target]++
		add(letter{Delivery: d, from: []int64{d.ID}})
	}
	for _, u := range going {
		for _, l := range u.letters {
			add(l)
		}
	}
	for _, target := range targets {
		list := byTarget[target]
		if p.ending { // the cache goes with the subscription (C-281)
			if err := p.abandon(list[:waiting[target]]); err != nil {
				return err
			}
			list = list[waiting[target]:]
		}
		if err := p.deliver(target, list); err != nil {
			return err
		}
	}
	return nil
}

// deliver sends the letters for one target, or keeps them.
func (p *passage) deliver(target string, list []letter) error {
	at, ok := p.opens(target, p.now)
	if ok && at <= p.now {
		list, err := p.pick(target, list)
		for _, l := range list {
			if err == nil {
				err = p.send(l)
			}
		}
		return err
	}
	if !ok {
		at = never
	}
	keep := 0
	switch {
	case p.ending:
	case p.s.pending == pendingLatest:
		keep = min(1, len(list))
	case p.s.pending == pendingAll:
		keep = min(len(list), p.e.limits.Queue)
	}
	drop, rest := list[:len(list)-keep], list[len(list)-keep:]
	if err := p.dropAll(drop); err != nil {
		return err
	}
	for _, l := range rest {
		if p.s.pending == pendingLatest {
			l = l.as(categoryLatest)
		}
		if err := p.keep(l, heldPending); err != nil {
			return err
		}
		p.wait(at)
	}
	return nil
}

// pick drops what was made while a schedule was closed and isn't to be sent
// now that it is open: all but the newest of it for sendLatest, which joins the
// cache only when somebody goes through the box.
func (p *passage) pick(target string, list []letter) ([]letter, error) {
	if p.s.pending == pendingAll || p.s.rate != nil {
		return list, nil
	}
	closed := 0
	for closed < len(list) && p.missed(target, list[closed]) {
		closed++
	}
	if closed == 0 {
		return list, nil
	}
	keep := 0
	if p.s.pending == pendingLatest {
		keep = 1
		list[closed-1] = list[closed-1].as(categoryLatest)
	}
	return list[closed-keep:], p.dropAll(list[:closed-keep])
}

// missed reports whether a schedule was closed when a letter was made.
func (p *passage) missed(target string, l letter) bool {
	if l.Held == heldPending {
		return true
	}
	at, ok := p.opens(target, l.Created)
	return !ok || at > l.Created
}

// as returns the letter with another Event Category.
func (l letter) as(category int64) letter {
	if l.Category == category {
		return l
	}
	d := *l.Delivery
	d.ID, d.Category = 0, category
	return letter{Delivery: &d, from: l.from}
}

// opens returns when both schedules let a notification to a target through.
func (p *passage) opens(target string, from onem2m.Timestamp) (at onem2m.Timestamp, ok bool) {
	own, others := p.e.timetable.of(p.ri)
	reach, _ := p.e.directory.(Timetable)
	at = from
	// Two schedules may miss each other; what is then found is a time to look again.
	if len(own) > 0 && !p.s.urgent() {
		if at, ok = opens(own, at); !ok || at > from {
			return at, ok
		}
	}
	if !others || reach == nil || isURL(target) {
		return at, true
	}
	return reach.Opens(p.tx, TargetAddress(target), at)
}

// wait says that something may go on at an instant.
func (p *passage) wait(at onem2m.Timestamp) {
	if p.blocked == 0 || at < p.blocked {
		p.blocked = at
	}
}

// send moves a letter into the queue of its target.
func (p *passage) send(l letter) error {
	if err := p.settle(l); err != nil {
		return err
	}
	d := *l.Delivery
	d.Held, d.Final = 0, d.Final || p.ending || isGathering(p.ri)
	d.Created = p.now // what it waited for a policy makes it no older in the eyes of Limits.GiveUp
	if l.moved() {
		d.RequestID = "" // it is another request than those it is made of
	}
	queued, err := p.e.enqueue(p.tx, p.queued, &d)
	p.queued = queued
	if isGathering(p.ri) {
		p.tx.OnCommit(func() { p.e.replies.join(l.from, d.ID) })
	}
	return err
}

// keep leaves a letter at a stage.
func (p *passage) keep(l letter, stage int) error {
	p.kept++
	if !l.moved() && l.Held == stage {
		return nil
	}
	if err := p.settle(l); err != nil {
		return err
	}
	d := *l.Delivery
	d.Held = stage
	return p.tx.Enqueue(&d)
}

// settle removes the entries that a letter stands for.
func (p *passage) settle(l letter) error {
	for _, id := range l.from {
		if err := known(p.tx.Settle(id)); err != nil {
			return err
		}
	}
	return nil
}

// lose drops whole notifications.
func (p *passage) lose(units []unit, why OutcomeKind) error {
	for _, u := range units {
		for _, l := range u.letters {
			if err := p.drop(l, why); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropAll drops what a closed schedule doesn't keep.
func (p *passage) dropAll(list []letter) error {
	why := Withheld
	if p.s.pending == pendingLatest {
		why = Superseded
	} else if p.s.pending == pendingAll && !p.ending {
		why = Overflowed
	}
	for _, l := range list {
		if err := p.drop(l, why); err != nil {
			return err
		}
	}
	return nil
}

// abandon drops the cache of a subscription that goes.
func (p *passage) abandon(list []letter) error {
	for _, l := range list {
		if err := p.drop(l, Discarded); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a letter for good.
func (p *passage) drop(l letter, why OutcomeKind) error {
	p.lost = append(p.lost, arrival{target: l.Target, item: item{subscription: p.ri, final: true}, why: why})
	return p.settle(l)
}
