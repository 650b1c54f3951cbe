package cse

import (
	"slices"
	"strings"

	"bulwark/internal/federation"
	"bulwark/onem2m"
)

// internalSchemes begin points of access that mean something inside the CSE
// alone: nobody else may name them.
var internalSchemes = [...]string{pollScheme, crossScheme, acrossPoint, federation.SocketPoint}

// internalPoint reports whether a point of access is one of the CSE's own. The
// case of a scheme doesn't matter.
func internalPoint(point string) bool {
	point = strings.TrimSpace(point)
	return slices.ContainsFunc(internalSchemes[:], func(scheme string) bool {
		return len(point) >= len(scheme) && strings.EqualFold(point[:len(scheme)], scheme)
	})
}

// pointsIn returns the points of access of an <AE> or <remoteCSE> that lead out
// of this CSE, also where others have been stored once.
func pointsIn(attrs onem2m.Object) []string {
	points, _ := attrs.Texts("poa")
	return slices.DeleteFunc(points, internalPoint)
}

// checkPoints refuses points of access that aren't an entity's own.
func checkPoints(attrs onem2m.Object) error {
	points, _ := attrs.Texts("poa")
	if slices.ContainsFunc(points, internalPoint) {
		return onem2m.Errorf(onem2m.BadRequest, "poa", "a point of access has a scheme that the CSE keeps to itself")
	}
	return nil
}

// secured leaves only points of access over TLS where there is one: who can be
// talked to in a way that shows who it is, isn't talked to in another. With
// always it isn't, whatever there is.
func secured(points []string, always bool) []string {
	begins := func(scheme string) func(string) bool {
		return func(point string) bool {
			return len(point) >= len(scheme) && strings.EqualFold(point[:len(scheme)], scheme)
		}
	}
	if !always && !slices.ContainsFunc(points, begins("https:")) && !slices.ContainsFunc(points, begins("wss:")) {
		return points
	}
	return slices.DeleteFunc(slices.DeleteFunc(points, begins("http:")), begins("ws:"))
}
