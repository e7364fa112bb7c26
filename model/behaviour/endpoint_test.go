package behaviour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeEndpoint answers chat requests with a score that follows from the prompt, after
// misbehaving in turn as it was told.
type fakeEndpoint struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	served   map[string]int // answers given by prompt
	moods    []string       // of the first requests of each prompt
	seen     map[string]int
	first    map[string]any // the first request's body
}

func newFakeEndpoint(t *testing.T, moods ...string) *fakeEndpoint {
	f := &fakeEndpoint{served: map[string]int{}, seen: map[string]int{}, moods: moods}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Server.Close)
	return f
}

// asked counts the requests so far; a request that its client gave up may still be
// under way.
func (f *fakeEndpoint) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

// truth is the score that the fake gives a prompt: two numbers of equal weight, so
// that their mean must be taken.
func truth(prompt string) (a, b int) {
	h := fnv.New32()
	h.Write([]byte(prompt))
	n := int(h.Sum32() % 97)
	return n, n + 3
}

func (f *fakeEndpoint) serve(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Messages []struct{ Role, Content string }
	}
	var whole map[string]any
	var raw json.RawMessage
	if json.NewDecoder(r.Body).Decode(&raw) != nil || json.Unmarshal(raw, &q) != nil || json.Unmarshal(raw, &whole) != nil || len(q.Messages) != 1 {
		http.Error(w, "no request", http.StatusTeapot)
		return
	}
	prompt := q.Messages[0].Content
	f.mu.Lock()
	f.requests++
	if f.first == nil {
		f.first = whole
	}
	mood := ""
	if n := f.seen[prompt]; n < len(f.moods) {
		mood = f.moods[n]
	}
	f.seen[prompt]++
	f.mu.Unlock()
	switch mood {
	case "429":
		w.Header().Set("Retry-After", "0.01")
		http.Error(w, `{"error":{"message":"slow down","type":"rate"}}`, http.StatusTooManyRequests)
	case "500":
		http.Error(w, "oops", http.StatusInternalServerError)
	case "garbage":
		fmt.Fprint(w, `<html>not what you asked for`)
	case "slow":
		<-r.Context().Done()
	case "close":
		panic(http.ErrAbortHandler)
	case "half":
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"choices":[`)
		panic(http.ErrAbortHandler)
	case "401":
		http.Error(w, `{"error":{"message":"who are you","type":"auth"}}`, http.StatusUnauthorized)
	case "400":
		http.Error(w, `{"error":{"message":"filtered","type":"content"}}`, http.StatusBadRequest)
	case "refusal":
		fmt.Fprint(w, completionOf([]string{"REF", "I", "7"}, []float64{.8, .1, .1}))
	default:
		a, b := truth(prompt)
		f.mu.Lock()
		f.served[prompt]++
		f.mu.Unlock()
		fmt.Fprint(w, completionOf([]string{fmt.Sprint(a), " " + fmt.Sprint(b), "101", "-1", "CODE"}, []float64{.3, .3, .2, .1, .1}))
	}
}

// completionOf is a chat completion with token probabilities.
func completionOf(tokens []string, p []float64) string {
	var top []map[string]any
	for i, t := range tokens {
		top = append(top, map[string]any{"token": t, "logprob": math.Log(p[i])})
	}
	b, err := json.Marshal(map[string]any{"id": "x", "object": "chat.completion", "choices": []any{map[string]any{
		"index": 0, "finish_reason": "length", "message": map[string]any{"role": "assistant", "content": tokens[0]},
		"logprobs": map[string]any{"content": []any{map[string]any{"token": tokens[0], "logprob": math.Log(p[0]), "top_logprobs": top}}},
	}}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (f *fakeEndpoint) endpoint(t *testing.T, attempts int) *Endpoint {
	e := NewEndpoint(EndpointOptions{URL: f.URL + "/v1/", Model: "judge", Key: "k", Attempts: attempts, Wait: time.Millisecond, Timeout: 1500 * time.Millisecond})
	t.Cleanup(func() { e.Close() })
	return e
}

// Every prompt meets every misbehaviour, and still gets its own score.
func TestEndpointLosesAndInventsNothing(t *testing.T) {
	f := newFakeEndpoint(t, "429", "500", "garbage", "close", "half", "slow")
	e := f.endpoint(t, 8)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			prompt := fmt.Sprint("rate answer ", i)
			got, err := e.Score(context.Background(), prompt)
			a, b := truth(prompt)
			if want := float64(a+b) / 2; err != nil || math.Abs(got-want) > 1e-9 {
				t.Errorf("%s: %g, %v, expected %g", prompt, got, err, want)
			}
		})
	}
	wg.Wait()
	if n := f.asked(); n < 40*7 { // more on a machine that takes 1.5 s for an answer
		t.Errorf("found %d requests, expected 7 for each of 40", n)
	}
	for name, want := range map[string]any{"model": "judge", "max_tokens": 1., "seed": 0., "logprobs": true, "top_logprobs": 20.} {
		if f.first[name] != want {
			t.Errorf("request has %s %v, expected %v", name, f.first[name], want)
		}
	}
	if v, _ := f.first["temperature"].(float64); v > 1e-30 {
		t.Errorf("request has temperature %v, expected 0", v)
	}
}

func TestEndpointErrors(t *testing.T) {
	for mood, c := range map[string]struct {
		is       error
		requests int
	}{"500": {ErrUnreachable, 3}, "close": {ErrUnreachable, 3}, "garbage": {ErrUnreachable, 3}, "refusal": {ErrNoScore, 1}, "400": {ErrNoScore, 1}, "401": {nil, 1}} {
		f := newFakeEndpoint(t, mood, mood, mood, mood)
		_, err := f.endpoint(t, 3).Score(context.Background(), "p")
		known := errors.Is(err, ErrNoScore) || errors.Is(err, ErrUnreachable)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || c.is == nil && known || f.asked() != c.requests {
			t.Errorf("%s: found %v after %d requests, expected %v after %d", mood, err, f.asked(), c.is, c.requests)
		}
	}
}

// A cache is asked before the endpoint, also when it was closed in the middle of a
// line; refusals are kept, failures are not, equal prompts are asked once.
func TestCacheAsksOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.jsonl")
	f := newFakeEndpoint(t)
	q := &Question{ID: "q", JudgePrompts: map[string]string{ScaleAligned: "a {question} {answer}", ScaleCoherent: "c {question} {answer}"}}
	judge := func(c *Cache, answers ...string) {
		t.Helper()
		s := &Scored{Scorer: f.endpoint(t, 2), Cache: c}
		var wg sync.WaitGroup
		for _, a := range answers {
			wg.Go(func() {
				v, err := s.Judge(context.Background(), q, "hello", a)
				x, y := truth("a hello " + a)
				if err != nil || math.Abs(v.Scores[ScaleAligned]-float64(x+y)/2) > 1e-9 || v.Outcome == None {
					t.Errorf("%s: %+v, %v", a, v, err)
				}
			})
		}
		wg.Wait()
	}
	c := openCache(t, path)
	judge(c, "one", "one", "two", "one")
	c.Close()
	truncate(t, path, 10)
	c = openCache(t, path)
	judge(c, "two", "one", "three")
	c.Close()
	total := 0
	for _, n := range f.served {
		total += n
	}
	// three answers on two scales, and the one score whose line was cut
	if len(f.served) != 6 || total != 7 {
		t.Errorf("found %d prompts and %d answers served, expected 6 and 7", len(f.served), total)
	}
}

func TestVerdictsOfFailures(t *testing.T) {
	q := &Question{ID: "q", JudgePrompts: map[string]string{ScaleAligned: "a {answer}", ScaleCoherent: "c {answer}"}}
	for mood, why := range map[string]string{"refusal": "0.10 of the probability", "500": "no answer", "400": "filtered"} {
		f := newFakeEndpoint(t, mood, mood, mood)
		c := openCache(t, filepath.Join(t.TempDir(), "cache"))
		s := &Scored{Scorer: f.endpoint(t, 2), Cache: c}
		for range 2 {
			v, err := s.Judge(context.Background(), q, "x", "y")
			if err != nil || v.Outcome != None || len(v.Scores) != 0 && mood != "500" || !strings.Contains(v.Failed[ScaleAligned], why) && mood != "500" {
				t.Errorf("%s: %+v, %v", mood, v, err)
			}
			if mood == "500" {
				break // the next attempt succeeds: failures are not kept
			}
		}
		c.Close()
		if want := map[string]int{"refusal": 2, "400": 2, "500": 4}[mood]; f.asked() != want {
			t.Errorf("%s: %d requests, expected %d", mood, f.asked(), want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for v, want := range map[string]time.Duration{"3": 3 * time.Second, "0.5": time.Second / 2, now.Add(7 * time.Second).Format(http.TimeFormat): 7 * time.Second, "Thu, 01 Jan 1970 00:00:00 GMT": 0} {
		if d, ok := retryAfter(v, now); !ok || d != want {
			t.Errorf("%q: found %v, %v, expected %v", v, d, ok, want)
		}
	}
	for _, v := range []string{"", "-1", "soon", "NaN"} {
		if d, ok := retryAfter(v, now); ok {
			t.Errorf("%q is taken for %v", v, d)
		}
	}
}

// A rate of 3,000 a minute lets 11 requests go in no less than 0.2 s.
func TestRateIsKept(t *testing.T) {
	p := newPatient(EndpointOptions{PerMinute: 3000})
	start := time.Now()
	for range 11 {
		if err := p.turn(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d < 195*time.Millisecond {
		t.Errorf("11 requests went in %v", d)
	}
}
