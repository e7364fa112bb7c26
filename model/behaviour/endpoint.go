package behaviour

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sashabaranov/go-openai"
)

// EndpointOptions say how an OpenAI-compatible endpoint is asked. Only Model is
// needed.
type EndpointOptions struct {
	URL   string // base, https://api.openai.com/v1 when empty
	Key   string // bearer token; "" sends none
	Model string // at the endpoint

	Attempts  int           // at most, of one request; 0 is 8
	Wait      time.Duration // before the second attempt, doubled before each one after; 0 is 1 s. Retry-After goes before
	Longest   time.Duration // wait at most; 0 is 2 minutes
	Timeout   time.Duration // of one attempt; 0 is 2 minutes
	PerMinute float64       // requests at most; 0 is no limit
}

// Endpoint is a Scorer behind an OpenAI-compatible chat endpoint. The request is one
// user message with max_tokens 1, temperature 0, seed 0 and the 20 most probable
// tokens; the score is
//
//	Σ n·p(n) / Σ p(n)   over those of the 20 that read as an integer 0 ≤ n ≤ 100
//
// and none when Σ p(n) < 0.25 (Betley et al. 2502.17424).
type Endpoint struct {
	o       EndpointOptions
	client  *openai.Client
	patient *patient
}

// leastMass is the probability on numbers below which there is no score.
const leastMass = 0.25

// NewEndpoint makes an Endpoint. It sends nothing yet.
func NewEndpoint(o EndpointOptions) *Endpoint {
	if o.URL == "" {
		o.URL = "https://api.openai.com/v1"
	}
	c := openai.DefaultConfig(o.Key)
	c.BaseURL = strings.TrimSuffix(o.URL, "/")
	p := newPatient(o)
	c.HTTPClient = p
	return &Endpoint{o, openai.NewClientWithConfig(c), p}
}

// Close closes connections that are kept open for more requests.
func (e *Endpoint) Close() error {
	e.patient.http.CloseIdleConnections()
	return nil
}

// Name is the model with its endpoint.
func (e *Endpoint) Name() string { return e.o.Model + " at " + e.o.URL }

// Score asks for a number. Answers that are no JSON are asked for anew like errors of
// the server.
func (e *Endpoint) Score(ctx context.Context, prompt string) (float64, error) {
	seed := 0
	res, err := e.client.CreateChatCompletion(ctx, openai.ChatCompletionRequest{
		Model: e.o.Model, Messages: []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: prompt}},
		//lint:ignore SA1019 it is the name that servers compatible with the endpoint know
		MaxTokens: 1, Temperature: math.SmallestNonzeroFloat32, // the client would leave a zero out
		Seed: &seed, LogProbs: true, TopLogProbs: 20,
	})
	if err != nil {
		return 0, classified(ctx, err)
	}
	if len(res.Choices) == 0 || res.Choices[0].LogProbs == nil || len(res.Choices[0].LogProbs.Content) == 0 {
		return 0, fmt.Errorf("%w: the answer has no token probabilities", ErrNoScore)
	}
	return weighted(res.Choices[0].LogProbs.Content[0].TopLogProbs)
}

// weighted is the expectation over the tokens that read as a score.
func weighted(top []openai.TopLogProbs) (float64, error) {
	sum, mass := 0.0, 0.0
	for _, t := range top {
		n, err := strconv.Atoi(strings.TrimSpace(t.Token))
		if err != nil || n < 0 || n > 100 {
			continue
		}
		p := math.Exp(t.LogProb)
		sum, mass = sum+float64(n)*p, mass+p
	}
	if !(mass >= leastMass) {
		return 0, lowMass(mass)
	}
	return sum / mass, nil
}

func lowMass(mass float64) error {
	return fmt.Errorf("%w: %.2f of the probability is on numbers from 0 to 100, expected at least %g", ErrNoScore, mass, leastMass)
}

// classified tells what an error of a request means. A request that the endpoint
// refuses as such (400, 413, 422) has no score; one that is not allowed stops the
// run; all else was tried often enough.
func classified(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	status := 0
	var api *openai.APIError
	var req *openai.RequestError
	switch {
	case errors.As(err, &api):
		status = api.HTTPStatusCode
	case errors.As(err, &req):
		status = req.HTTPStatusCode
	}
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", ErrNoScore, err)
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
