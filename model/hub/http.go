package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tries is how often a request is made in all before its error stands. Requests
// that brought bytes do not count.
const tries = 5

// conn makes requests to one hub.
type conn struct {
	o      *Options
	client *http.Client
	slots  chan struct{} // one for each connection
}

func (o *Options) connect() *conn {
	c := &conn{o: o, slots: make(chan struct{}, o.parallel())}
	base := o.Client
	if base == nil {
		base = &http.Client{Transport: patient()}
	}
	copied := *base
	copied.CheckRedirect = keepToken
	c.client = &copied
	return c
}

// patient is a transport that waits a minute for a server to answer.
func patient() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.DialContext = (&net.Dialer{Timeout: 20 * time.Second}).DialContext
	t.DisableCompression = true
	return t
}

// keepToken follows redirects, and leaves the token behind where they lead to
// another server or away from TLS.
func keepToken(r *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return errors.New("found more than 10 redirects")
	}
	if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		r.Header.Del("Authorization")
	}
	return nil
}

// request is one attempt; header gets what the caller adds. Any answer but those
// of status 2xx is an error.
func (c *conn) request(ctx context.Context, method, url string, header map[string]string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "agar")
	r.Header.Set("Accept-Encoding", "identity")
	if c.o.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.o.Token)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, refusal(res)
	}
	return res, nil
}

// statusError is an answer that is not the one asked for.
type statusError struct {
	status int
	url    string
	says   string        // the hub's own words
	wait   time.Duration // how long it asks to wait
	kind   error
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("%s: found status %d", e.url, e.status)
	if e.says != "" {
		s += " (" + e.says + ")"
	}
	if e.kind != nil {
		s += ": " + e.kind.Error()
	}
	return s
}

func (e *statusError) Unwrap() error { return e.kind }

func refusal(res *http.Response) error {
	e := &statusError{status: res.StatusCode, url: res.Request.URL.Redacted(), says: res.Header.Get("X-Error-Message")}
	if e.says == "" {
		head, _ := io.ReadAll(io.LimitReader(res.Body, 200))
		e.says = strings.Join(strings.Fields(string(head)), " ")
	}
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		e.wait = time.Duration(min(s, 300)) * time.Second
	}
	switch {
	case res.StatusCode == http.StatusForbidden || res.Header.Get("X-Error-Code") == "GatedRepo":
		e.kind = fmt.Errorf("%w: accept the repository's terms on the hub and set HF_TOKEN", ErrDenied)
	case res.StatusCode == http.StatusUnauthorized:
		e.kind = fmt.Errorf("%w: a private or absent repository, or HF_TOKEN is missing or wrong", ErrDenied)
	case res.StatusCode == http.StatusNotFound:
		e.kind = ErrNotFound
	}
	return e
}

// passing says whether the same request may succeed later, and after which wait
// the server wants to see it.
func passing(err error) (again bool, wait time.Duration) {
	var s *statusError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrCorrupt):
		return false, 0
	case errors.As(err, &s):
		return s.status == http.StatusTooManyRequests || s.status == http.StatusRequestTimeout || s.status >= 500, s.wait
	}
	return isNetwork(err), 0
}

// isNetwork says whether err came from a connection, not from a disk.
func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "connection reset")
}

// retry repeats f while its errors are passing. f says whether it got anywhere;
// that makes the count begin anew.
func (c *conn) retry(ctx context.Context, f func() (progress bool, err error)) error {
	for try := 1; ; try++ {
		ok, err := f()
		if err == nil {
			return nil
		}
		again, wait := passing(err)
		if !again {
			return err
		}
		if ok {
			try = 1
		}
		if try == tries {
			return fmt.Errorf("%w (tried %d times)", err, tries)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(wait, c.o.backoff()<<min(try-1, 4))):
		}
	}
}
