package cse

import (
	"context"
	"slices"

	"bulwark/internal/announcement"
	"bulwark/internal/dynauth/distributed"
	"bulwark/internal/store"
	"bulwark/onem2m"
)

// procedures are what is special about one resource type. A nil hook means
// that the generic procedure says all. A type without entry here answers 5001.
type procedures struct {
	// instances is the type of the children that <latest> and <oldest> stand for.
	instances onem2m.ResourceType
	counted   bool // has stateTag and counters that change with them

	// virtual are the virtual children with procedures of their own.
	virtual map[string]*virtual

	// fixed types can't be created, updated or deleted by request (4005).
	noCreate, noUpdate, noDelete bool

	// content runs with the Recv-1.0 checks on the Content (row 13).
	content func(k *call, info *onem2m.TypeInfo) error

	// nests runs with the child type checks (row 23) and refuses parents that the
	// type tables allow.
	nests func(k *call, parent *store.Record) error

	// register takes the place of the privilege check of a CREATE (row 20).
	register func(k *call, r store.Reader, parent *store.Record) error

	// governs takes the place of the access decision of UPDATE and DELETE.
	governs func(k *call, rec *store.Record) error

	// check runs the type's own rules on a CREATE or UPDATE (row 29). For an
	// UPDATE old is the record before and merged what would result.
	check func(k *call, r store.Reader, s *subject) error

	// verify runs between check and the writer, and may wait for others; asks
	// tells whether there is anything to verify. nil: always.
	asks   func(k *call) bool
	verify func(ctx context.Context, k *call, s *subject) error

	// create runs in the writer before the record is inserted and may set
	// attributes and change the parent; created runs after it.
	create  func(k *call, tx store.Tx, s *subject) error
	created func(k *call, tx store.Tx, s *subject) error

	// entail runs last in a CREATE, when subscribers have been told of it, and may
	// make more resources. For what isn't kept it doesn't run.
	entail func(k *call, tx store.Tx, s *subject) error

	// after runs when a CREATE or UPDATE is durable, and may wait for others. What it
	// returns takes the place of the resource in the answer; nil: nothing does.
	after func(ctx context.Context, k *call, s *subject) *store.Record

	// update runs in the writer before the new version replaces the old one.
	update func(k *call, tx store.Tx, s *subject) error

	// delete runs in the writer before the resource that a DELETE names is removed.
	delete func(k *call, tx store.Tx, rec *store.Record) error

	// remove runs in the writer before the record is removed, for whatever reason.
	remove func(c *CSE, tx store.Tx, rec *store.Record) error

	// private are attributes that the entity behind the resource alone may see
	// or ask about.
	private []string

	// public cuts what subscribers may not see, beyond the private attributes.
	public func(attrs onem2m.Object) onem2m.Object

	// visible cuts what this originator may not see out of a representation.
	visible func(k *call, rec *store.Record, attrs onem2m.Object) onem2m.Object

	// retrievable refuses RETRIEVE and DELETE beyond the privilege check.
	retrievable func(k *call, r store.Reader, rec *store.Record) error
}

// virtual is a virtual child that answers requests itself.
type virtual struct {
	through bool // path elements may follow its name (fanOutPoint)
	serve   func(ctx context.Context, k *call, t target) (*onem2m.Response, error)
}

// subject is the resource that a CREATE makes or an UPDATE changes.
type subject struct {
	info   *onem2m.TypeInfo
	parent *store.Record
	old    *store.Record // nil for a CREATE
	id     int64         // surrogate; 0 until it is reserved
	ri, rn string
	now    onem2m.Timestamp // ct and lt of a CREATE, lt of an UPDATE
	et     onem2m.Timestamp
	due    onem2m.Timestamp
	origin onem2m.ID

	assigned string // <AE>, <AEAnnc>: AE-ID-Stem of the whole SP that has been agreed to

	targets announcement.Targets // what becomes of its copies on other CSEs

	attrs   onem2m.Object // CREATE: to be stored; UPDATE: the merged result
	touched []string      // UPDATE: names in the request
	dropped []string      // UPDATE: names removed as a side effect (rcn 9, C-141)
	asked   onem2m.Object // UPDATE: values that fell back at once, for subscribers to see

	farTied []tie                // <crossResourceSubscription>: subscriptions of other CSEs that notify it
	farMade map[int]string       // <crossResourceSubscription>: subscriptions on other CSEs, by the position in rrat
	far     map[string]farMember // <group>: what other CSEs have told of members
	drafted *drafted             // <semanticDescriptor>, <ontology>: what the request makes of the document
	awaited bool                 // <transactionMgmt>: other CSEs are asked because of this request
	size    int64                // contentSize
	counted bool
	count   store.Counters
	discard bool // succeed and keep nothing: C-236, or what an UPDATE has brought to its end
}

// set assigns an attribute of the subject.
func (s *subject) set(name string, value []byte) { s.attrs.Set(name, value) }

// setDefaults assigns attributes that aren't there yet.
func (s *subject) setDefaults(o onem2m.Object) {
	for _, m := range o {
		if !s.attrs.Has(m.Name) {
			s.attrs.Set(m.Name, m.Value)
		}
	}
}

// registerTypes lists the types that this version has procedures for.
func (c *CSE) registerTypes() {
	c.types = map[onem2m.ResourceType]*procedures{
		onem2m.TypeDynamicAuthorizationConsultation: consultationProcedures(),
		onem2m.TypeCSEBase:                          baseProcedures(),
		onem2m.TypeAE:                               aeProcedures(),
		onem2m.TypeAEContactList:                    contactListProcedures(),
		onem2m.TypeAEContactListPerCSE:              contactListProcedures(),
		onem2m.TypeAccessControlPolicy:              acpProcedures(),
		onem2m.TypeContainer:                        containerProcedures(),
		onem2m.TypeContentInstance:                  instanceProcedures(),
		onem2m.TypeSubscription:                     subscriptionProcedures(),
		onem2m.TypeRequest:                          requestProcedures(),
		onem2m.TypePollingChannel:                   pollingChannelProcedures(),
		onem2m.TypeRemoteCSE:                        remoteCSEProcedures(),
		onem2m.TypeGroup:                            groupProcedures(),
		onem2m.TypeCrossResourceSubscription:        crossProcedures(),
		onem2m.TypeMultimediaSession:                sessionProcedures(),
		onem2m.TypeNode:                             nodeProcedures(),
		onem2m.TypeNotificationTargetMgmtPolicyRef:  targetPolicyRefProcedures(),
		onem2m.TypeNotificationTargetPolicy:         targetPolicyProcedures(),
		onem2m.TypePolicyDeletionRules:              deletionRulesProcedures(),
		onem2m.TypeMgmtObj:                          mgmtProcedures(),
		onem2m.TypeMgmtCmd:                          mgmtCmdProcedures(),
		onem2m.TypeExecInstance:                     execInstanceProcedures(),
		onem2m.TypeFlexContainer:                    flexContainerProcedures(),
		onem2m.TypeFlexContainerInstance:            flexInstanceProcedures(),
		onem2m.TypeSchedule:                         scheduleProcedures(),
		onem2m.TypeTimeSeries:                       timeSeriesProcedures(),
		onem2m.TypeTimeSeriesInstance:               timeSeriesInstanceProcedures(),
		onem2m.TypeAction:                           actionProcedures(),
		onem2m.TypeDependency:                       dependencyProcedures(),
		onem2m.TypeLocationPolicy:                   locationPolicyProcedures(),
		onem2m.TypeTimeSyncBeacon:                   timeSyncBeaconProcedures(),
		onem2m.TypeM2mServiceSubscriptionProfile:    serviceProfileProcedures(),
		onem2m.TypeServiceSubscribedNode:            subscribedNodeProcedures(),
		onem2m.TypeServiceSubscribedAppRule:         appRuleProcedures(),
		onem2m.TypePrimitiveProfile:                 primitiveProfileProcedures(),
		onem2m.TypeTransactionMgmt:                  transactionMgmtProcedures(),
		onem2m.TypeTransaction:                      transactionProcedures(),
		onem2m.TypeStatsConfig:                      statsConfigProcedures(),
		onem2m.TypeDelivery:                         deliveryProcedures(),
		onem2m.TypeEventConfig:                      eventConfigProcedures(),
		onem2m.TypeStatsCollect:                     statsCollectProcedures(),
		onem2m.TypeRole:                             roleProcedures(),
		onem2m.TypeToken:                            tokenProcedures(),
		onem2m.TypeAuthorizationDecision:            pointProcedures(distributed.Decision),
		onem2m.TypeAuthorizationPolicy:              pointProcedures(distributed.Policy),
		onem2m.TypeAuthorizationInformation:         pointProcedures(distributed.Information),
		onem2m.TypeSemanticDescriptor:               descriptorProcedures(),
		onem2m.TypeOntologyRepository:               repositoryProcedures(),
		onem2m.TypeOntology:                         ontologyProcedures(),
		onem2m.TypeSemanticMashupJobProfile:         mashupProfileProcedures(),
		onem2m.TypeSemanticMashupInstance:           mashupInstanceProcedures(),
		onem2m.TypeSemanticMashupResult:             mashupResultProcedures(),
	}
	if c.Type != IN { // lists that only an IN-CSE has, and that nobody creates
		delete(c.types, onem2m.TypeAEContactList)
		delete(c.types, onem2m.TypeAEContactListPerCSE)
	}
	c.registerAnnounced()
	c.virtualNames = make(map[string]bool)
	for ty, p := range c.types {
		c.srt = append(c.srt, ty)
		for name := range p.virtual {
			c.virtualNames[name] = true
		}
	}
	slices.Sort(c.srt)
}
