package hub

import (
	"context"
	"net/http"

	"agar/model/hub/hubtest"
)

// cancelAfter cancels a pull once the hub has answered n requests for contents.
type cancelAfter struct {
	http.RoundTripper
	h      *hubtest.Hub
	n      int
	cancel context.CancelFunc
}

func (c cancelAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.h.Count() >= c.n {
		c.cancel()
	}
	return c.RoundTripper.RoundTrip(r)
}
