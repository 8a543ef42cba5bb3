package keyless

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Where tokens are: sigstore's own variable, and those that GitHub's and Forgejo's runners set for jobs that may ask for one.
const (
	variableToken      = "SIGSTORE_ID_TOKEN"
	variableRequestURL = "ACTIONS_ID_TOKEN_REQUEST_URL"
	variableRequest    = "ACTIONS_ID_TOKEN_REQUEST_TOKEN" //nolint:gosec // a name
)

// audience is whom a token must be for, so that Fulcio takes it.
const audience = "sigstore"

// maxAnswer is more than any token has.
const maxAnswer = 1 << 20

// ErrNoProvider says that there is no identity provider to ask.
var ErrNoProvider = errors.New("no identity provider is there")

// Tokens gets tokens of an identity provider. They are fetched anew each time where that is possible: they live for minutes.
type Tokens func(context.Context) (string, error)

// FindTokens looks for an identity provider: a file with a token, else the environment. The error is [ErrNoProvider], or that of the file.
func FindTokens(file string, getenv func(string) string) (Tokens, error) {
	ask, bearer := getenv(variableRequestURL), getenv(variableRequest)
	switch token := getenv(variableToken); {
	case file != "":
		if _, err := os.Stat(file); err != nil {
			return nil, err
		}
		return func(context.Context) (string, error) {
			data, err := os.ReadFile(file)
			return strings.TrimSpace(string(data)), err
		}, nil
	case token != "":
		return func(context.Context) (string, error) { return strings.TrimSpace(token), nil }, nil
	case ask != "" && bearer != "":
		return func(ctx context.Context) (string, error) { return fromRunner(ctx, ask, bearer) }, nil
	}
	return nil, ErrNoProvider
}

// fromRunner asks the runner of a workflow for a token, as
// https://docs.github.com/en/actions/reference/security/oidc says.
func fromRunner(ctx context.Context, ask, bearer string) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("ask the runner for an identity token: %w", err)
	}
	where, err := url.Parse(ask)
	if err != nil {
		return fail(errors.New("$" + variableRequestURL + " is no URL"))
	}
	query := where.Query()
	query.Set("audience", audience)
	where.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return fail(err)
	}
	req.Header.Set("Authorization", "bearer "+bearer)
	resp, err := (&http.Client{Timeout: timeout}).Do(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fail(errors.New("it answers " + resp.Status))
	}
	var answer struct {
		Value string `json:"value"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil || answer.Value == "" {
		return fail(errors.New("there is no token in its answer"))
	}
	return answer.Value, nil
}
