package cmdh

// UnderWay is the number of requests and bundles that are on their way, by all
// routes and bundles.
func (d *Depot) UnderWay() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.busy) + len(d.departing)
	for _, r := range d.routes {
		n += r.underway
	}
	return n
}

// Stored is what counts towards one of the limits, in octets.
func (d *Depot) Stored(room int) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, _ := d.buffer.octets(&Entry{room: room}, nil)
	return all
}
