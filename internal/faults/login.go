package faults

import (
	"crypto/rand"
	"encoding/json"
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

// answer deals with who is not let in, and with who asks for a token; false: let the request pass.
func (l *login) answer(w http.ResponseWriter, r *http.Request) bool {
	l.Lock()
	defer l.Unlock()
	if r.URL.Path == tokenPath {
		user, password, _ := r.BasicAuth()
		if l.ended || user != User || password != l.password {
			http.Error(w, `{"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]}`, http.StatusUnauthorized)
			return true
		}
		token := rand.Text()
		l.tokens[token] = true
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"token": token})
		return true
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && l.tokens[token] {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+tokenPath+`",service="trial"`)
	http.Error(w, `{"errors": [{"code": "UNAUTHORIZED", "message": "no valid token"}]}`, http.StatusUnauthorized)
	return true
}
