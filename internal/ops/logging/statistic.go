package logging

import (
	"context"
	"log/slog"
)

// The further fields of a line of service statistics. docs/logging.md explains
// each.
const (
	FieldCollection = "sci"  // statsCollectID
	FieldCollector  = "cei"  // collectingEntityID
	FieldEvent      = "evt"  // eventType
	FieldEventID    = "evi"  // eventID
	FieldType       = "ty"   // resource type
	FieldSize       = "size" // octets of content
)

// Statistic is one record of service statistics (TS-0001 clause 10.2.11.14).
type Statistic struct {
	Collection, Collector, EventID         string
	Request, Originator, Operation, Target string
	Event, Size                            int64
	Type, Status                           int
}

// Collected writes s. The log is where such records leave the CSE; how they go
// on from there is out of the standard's scope.
func Collected(ctx context.Context, l *slog.Logger, s Statistic) {
	l.LogAttrs(
		ctx, slog.LevelInfo, "statistics",
		slog.String(FieldCollection, cut(s.Collection)), slog.String(FieldCollector, cut(s.Collector)),
		slog.String(FieldOriginator, cut(s.Originator)), slog.Int64(FieldEvent, s.Event), slog.String(FieldEventID, cut(s.EventID)),
		slog.String(FieldRequest, cut(s.Request)), slog.String(FieldOperation, s.Operation), slog.String(FieldTarget, cut(s.Target)),
		slog.Int(FieldType, s.Type), slog.Int64(FieldSize, s.Size), slog.Int(FieldStatus, s.Status),
	)
}
