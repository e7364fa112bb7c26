package behaviour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// patient sends requests until they are answered: after 408, 409, 429 and 5xx, lost
// connections, answers that took too long or that are no JSON it waits and tries
// again. It keeps to a rate.
type patient struct {
	o    EndpointOptions
	http http.Client

	mu   sync.Mutex
	next time.Time // when the next request may go
}

func newPatient(o EndpointOptions) *patient {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Wait, time.Second)
	def(&o.Longest, 2*time.Minute)
	def(&o.Timeout, 2*time.Minute)
	if o.Attempts == 0 {
		o.Attempts = 8
	}
	p := &patient{o: o}
	p.http.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}
	return p
}

// Do sends a request whose body can be had again. The response's body has been read.
func (p *patient) Do(r *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		if err := p.turn(r.Context()); err != nil {
			return nil, err
		}
		res, err := p.once(r)
		if attempt == p.o.Attempts || err == nil && !temporary(res.StatusCode) {
			return res, err
		}
		if err := sleep(r.Context(), p.pause(attempt, res)); err != nil {
			return nil, err
		}
	}
}

// longestAnswer is how many bytes of an answer are read.
const longestAnswer = 16 << 20

// grace is how long a request that was sent is waited for after the run was stopped:
// its answer has been paid for.
const grace = 10 * time.Second

// once sends a request and reads the answer, which must be JSON when it is a success.
func (p *patient) once(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), p.o.Timeout)
	defer cancel()
	defer context.AfterFunc(r.Context(), func() {
		if sleep(ctx, grace) == nil {
			cancel()
		}
	})()
	try := r.Clone(ctx)
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		try.Body = body
	}
	res, err := p.http.Do(try)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, longestAnswer))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	if res.StatusCode < 300 && !json.Valid(b) {
		return nil, fmt.Errorf("the answer is no JSON: %.60q", b)
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res, nil
}

// temporary tells whether a status may pass.
func temporary(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusConflict || status == http.StatusTooManyRequests || status >= 500
}

// pause is how long to wait after so many attempts: what the server asks for, else
// twice as long each time, between half and all of it at random so that requests
// spread.
func (p *patient) pause(attempt int, res *http.Response) time.Duration {
	if res != nil {
		if d, ok := retryAfter(res.Header.Get("Retry-After"), time.Now()); ok {
			return min(d, p.o.Longest)
		}
	}
	d := p.o.Longest
	if attempt < 30 {
		d = min(d, p.o.Wait<<(attempt-1))
	}
	return d/2 + rand.N(d/2+1)
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(v string, now time.Time) (time.Duration, bool) {
	if s, err := strconv.ParseFloat(v, 64); err == nil && s >= 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second)), true
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0), true
	}
	return 0, false
}

// turn waits until the rate allows a request.
func (p *patient) turn(ctx context.Context) error {
	if p.o.PerMinute <= 0 {
		return ctx.Err()
	}
	gap := time.Duration(float64(time.Minute) / p.o.PerMinute)
	p.mu.Lock()
	now := time.Now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(gap)
	p.mu.Unlock()
	return sleep(ctx, at.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
