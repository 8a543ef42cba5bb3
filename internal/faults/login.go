package faults

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// login asks for a password and gives tokens for it, as registries on the internet do
// (https://distribution.github.io/distribution/spec/auth/token/).
type login struct {
	*sync.Mutex

	password string
	ended    bool
	tokens   map[string]bool
}

// User is whom the proxy lets in.
const User = "trial"

const tokenPath = "/token"

func newLogin() login {
	return login{Mutex: new(sync.Mutex), password: rand.Text(), tokens: map[string]bool{}}
}

// Password is what the proxy wants to hear; it is another one after credentials expired.
func (p *Proxy) Password() string {
	p.login.Lock()
	defer p.login.Unlock()
	return p.login.password
}

// forget makes all tokens invalid.
func (l *login) forget() {
	l.Lock()
	defer l.Unlock()
	clear(l.tokens)
}

// end makes the password invalid too.
func (l *login) end() {
	l.forget()
	l.Lock()
	defer l.Unlock()
	l.ended = true
}

// renew sets another password where it had ended.
func (l *login) renew() {
	l.Lock()
	defer l.Unlock()
	if l.ended {
		l.password, l.ended = rand.Text(), false
	}
}

// answer is what who is not let in hears, or who asks for a token; false: the request is the registry's.
func (l *login) answer(r *http.Request) (reply, bool) {
	l.Lock()
	defer l.Unlock()
	if r.URL.Path == tokenPath {
		user, password, _ := r.BasicAuth()
		if l.ended || user != User || password != l.password {
			return unauthorized("wrong password"), true
		}
		token := rand.Text()
		l.tokens[token] = true
		return reply{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, fmt.Appendf(nil, `{"token": %q}`, token)}, true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && l.tokens[token] {
		return reply{}, false
	}
	a := unauthorized("no valid token")
	a.header.Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s%s",service="trial"`, r.Host, tokenPath))
	return a, true
}

// unauthorized is a refusal in the distribution specification's form.
func unauthorized(why string) reply {
	return reply{http.StatusUnauthorized, http.Header{"Content-Type": {"application/json"}}, fmt.Appendf(nil, `{"errors": [{"code": "UNAUTHORIZED", "message": %q}]}`, why)}
}
