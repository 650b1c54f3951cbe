package onem2m

import (
	"fmt"
	"strconv"
)

// FindType reads a resource type as people write it: a number, or a root
// element with or without its prefix, "m2m:cnt" or "cnt".
func FindType(s string) (*TypeInfo, error) {
	var info *TypeInfo
	if n, err := strconv.Atoi(s); err == nil {
		info = TypeByNumber(ResourceType(n))
	} else if info = TypeByRoot(s); info == nil {
		info = TypeByRoot("m2m:" + s)
	}
	if info == nil {
		return nil, fmt.Errorf("%q is no resource type; give a number or a short name such as cnt", s)
	}
	return info, nil
}
