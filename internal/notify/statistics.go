package notify

import (
	"github.com/go-json-experiment/json"

	"bulwark/internal/store"
)

// statistic is one entry of notificationStatsInfo (C-283).
type statistic struct {
	Target   string `json:"tg"`
	Sent     int64  `json:"rqs"`
	Answered int64  `json:"rsr"`
	Events   int64  `json:"noec"`
}

// withStatistics returns a version of a subscription that counts a delivery.
// A request counts as often as it tells of events: that is how a public CSE
// counts the requests and answers of a batch.
func withStatistics(sub *store.Record, en entry) (*store.Record, error) {
	var list []statistic
	if value, _, _ := member(sub.Attributes, "nsi"); value != nil {
		if err := json.Unmarshal(value, &list); err != nil {
			return nil, err
		}
	}
	var one *statistic
	for i := range list {
		if list[i].Target == en.target {
			one = &list[i]
		}
	}
	if one == nil {
		list = append(list, statistic{Target: en.target})
		one = &list[len(list)-1]
	}
	n := int64(max(en.events, 1))
	one.Events += n
	one.Sent += n * int64(en.sent)
	if en.answered {
		one.Answered += n
	}
	value, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	return withMember(sub, "nsi", value), nil
}
