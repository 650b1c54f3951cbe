package cse

import (
	"slices"

	"bulwark/internal/notify"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

func flexContainerProcedures() *procedures {
	return &procedures{
		instances: onem2m.TypeFlexContainerInstance, content: flexContent, check: checkFlexContainer,
		create: createFlexContainer, created: createdFlexContainer, update: updateFlexContainer,
	}
}

func flexInstanceProcedures() *procedures { return &procedures{noCreate: true, noUpdate: true} }

// flexContent holds the Content against the definition of the specialization.
// The text puts that at Recv-1.0: before existence and privilege (C-252, C-253).
func flexContent(k *call, info *onem2m.TypeInfo) error {
	if k.req.Operation == onem2m.Create {
		if err := k.c.checkDefinition(k.draft.raw, info.Root); err != nil {
			return err
		}
	}
	return k.draft.err
}

// checkDefinition: the containerDefinition is known, and the root element
// belongs to it. Specializations of the standard itself have no definition of a
// fixed name.
func (c *CSE) checkDefinition(raw onem2m.Object, root string) error {
	cnd, given := raw.Text("cnd")
	if !given {
		return onem2m.Errorf(onem2m.BadRequest, "cnd", "the attribute is mandatory")
	}
	switch belongs := c.Definitions.Root(cnd); {
	case belongs == root:
		return nil
	case belongs == "" && onem2m.TypeByRoot(root) != nil:
		return nil
	case belongs == "":
		return onem2m.Errorf(onem2m.SpecializationSchemaNotFound, "cnd", "this definition isn't known")
	default:
		return onem2m.Errorf(onem2m.BadRequest, "pc", "the root element isn't that of the definition, %s", belongs)
	}
}

// foreignFlexContainer tells what is wrong with a root element that names no
// specialization.
func (c *CSE) foreignFlexContainer(raw onem2m.Object, root string) error {
	if err := c.checkDefinition(raw, root); err != nil {
		return err
	}
	return onem2m.Errorf(onem2m.BadRequest, "pc", "the root element %s names no <flexContainer>", root)
}

// customAttribute reports whether name is an attribute of a specialization alone.
func customAttribute(name string) bool {
	return !onem2m.TypeByNumber(onem2m.TypeFlexContainer).Has(name)
}

// customSize is contentSize: the octets of all custom attributes (C-254).
func customSize(attrs onem2m.Object) int64 {
	n := int64(0)
	for _, m := range attrs {
		if customAttribute(m.Name) {
			n += contentSize(m.Value)
		}
	}
	return n
}

// checkFlexContainer: bounds make sense with instances only (C-256), and the
// specializations of generic interworking have mandatory attributes that the
// Release 3 tables don't know.
func checkFlexContainer(_ *call, _ store.Reader, s *subject) error {
	var needed []string
	switch s.info.Root {
	case "m2m:gis":
		needed = []string{"gisn"}
	case "m2m:gio":
		needed = []string{"gion", "gios"}
	}
	for _, name := range needed {
		if !s.attrs.Has(name) {
			return onem2m.Errorf(onem2m.BadRequest, name, "the attribute is mandatory")
		}
	}
	if s.old != nil && s.touches("fcied") && !s.attrs.Has("fcied") {
		return nil // the bounds go with it (C-257)
	}
	enabled := s.attrs.Has("fcied")
	for _, name := range []string{"mni", "mbs", "mia"} {
		n, given := s.attrs.Int(name)
		switch {
		case !given:
		case !enabled:
			return onem2m.Errorf(onem2m.BadRequest, name, "only with fcied")
		case n == 0:
			return onem2m.Errorf(onem2m.BadRequest, name, "0 leaves no room for an instance")
		case name == "mbs" && n < customSize(s.attrs):
			return onem2m.Errorf(onem2m.BadRequest, name, "smaller than the content")
		}
	}
	return nil
}

// createFlexContainer settles contentSize, and the counters where instances are
// enabled.
func createFlexContainer(_ *call, _ store.Tx, s *subject) error {
	s.set("cs", onem2m.IntValue(customSize(s.attrs)))
	if s.attrs.Has("fcied") {
		s.setInstances(store.Counters{Count: 1, Bytes: customSize(s.attrs)})
	}
	return nil
}

// createdFlexContainer keeps the first state as the first instance.
func createdFlexContainer(k *call, tx store.Tx, s *subject) error {
	if !s.attrs.Has("fcied") {
		return nil
	}
	_, err := k.keepInstance(tx, s, s.record())
	return err
}

// instanceCounters reads the counters of a <flexContainer> out of its attributes.
func instanceCounters(attrs onem2m.Object) store.Counters {
	var n store.Counters
	n.Count, _ = attrs.Int("cni")
	n.Bytes, _ = attrs.Int("cbs")
	return n
}

func (s *subject) setInstances(n store.Counters) {
	s.set("cni", onem2m.IntValue(n.Count))
	s.set("cbs", onem2m.IntValue(n.Bytes))
}

// updateFlexContainer keeps contentSize, and the instances: each change of a
// custom attribute, lbl or loc makes one (C-254, C-256, C-257).
func updateFlexContainer(k *call, tx store.Tx, s *subject) error {
	s.set("cs", onem2m.IntValue(customSize(s.attrs)))
	count := instanceCounters(attributes(s.old))
	if !s.attrs.Has("fcied") {
		return k.dropInstances(tx, s, &count)
	}
	changed := slices.ContainsFunc(s.touched, func(name string) bool {
		return name == "lbl" || name == "loc" || customAttribute(name)
	})
	if changed || !attributes(s.old).Has("fcied") {
		size, err := k.keepInstance(tx, s, s.old)
		if err != nil {
			return err
		}
		count.Count++
		count.Bytes += size
	}
	b := readBounds(s.attrs)
	if on, _ := s.attrs.Bool("fcied"); !on {
		b.number = 1 // the latest alone
	}
	if was := boundsOf(s.old); b.age >= 0 && b.age != was.age {
		if err := k.c.age(tx, s.id, onem2m.TypeFlexContainerInstance, b.age, 0); err != nil {
			return err
		}
	}
	if err := k.c.evict(tx, s.id, onem2m.TypeFlexContainerInstance, b, &count); err != nil {
		return err
	}
	s.setInstances(count)
	return nil
}

// dropInstances removes all instances and what was kept about them.
func (k *call) dropInstances(tx store.Tx, s *subject, count *store.Counters) error {
	none := &bounds{number: 0, bytes: -1, age: -1}
	if err := k.c.evict(tx, s.id, onem2m.TypeFlexContainerInstance, none, count); err != nil {
		return err
	}
	for _, name := range []string{"mni", "mbs", "mia", "cni", "cbs"} {
		if s.attrs.Delete(name) {
			s.dropped = append(s.dropped, name)
		}
	}
	return nil
}

// keepInstance stores the state of a <flexContainer> as an instance below it
// and returns its size. parent is the record that is in the store.
func (k *call) keepInstance(tx store.Tx, s *subject, parent *store.Record) (int64, error) {
	size := customSize(s.attrs)
	instance := &subject{
		info: onem2m.TypeByNumber(onem2m.TypeFlexContainerInstance), parent: parent,
		id: tx.NextID(), now: s.now, et: s.et, origin: s.origin, size: size,
	}
	instance.ri = k.c.names.resourceID(instance.info.Root, instance.id)
	instance.rn = instance.ri
	if age := readBounds(s.attrs).age; age >= 0 {
		if et := after(s.now, age); s.et == 0 || et < s.et {
			instance.et, instance.due = et, et
		}
	}
	instance.set("org", onem2m.TextValue(k.from.ID.In(k.c.Home)))
	instance.set("cs", onem2m.IntValue(size))
	for _, m := range s.attrs {
		if m.Name == "st" || m.Name == "lbl" || m.Name == "loc" || customAttribute(m.Name) {
			instance.set(m.Name, m.Value)
		}
	}
	rec := instance.record()
	rec.Root = s.info.Root // C-259
	if err := k.c.insert(tx, rec); err != nil {
		return 0, err
	}
	return size, k.c.Notifier.Record(tx, notify.Event{Type: notify.ChildCreated, Resource: parent, Child: rec, Originator: k.from.ID})
}

// uncountInstance takes an instance out of the counters of its <flexContainer>.
func (c *CSE) uncountInstance(tx store.Tx, parent, instance *store.Record) error {
	attrs := attributes(parent).Clone()
	if !attrs.Has("cni") {
		return nil
	}
	n := instanceCounters(attrs)
	attrs.Set("cni", onem2m.IntValue(n.Count-1))
	attrs.Set("cbs", onem2m.IntValue(n.Bytes-instance.Size))
	return tx.Replace(revised(parent, parent.Modified, attrs))
}
