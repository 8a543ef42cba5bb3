package buildkit

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
)

// TLS material of a tcp address, in buildx's words for a remote builder; tlsdir is buildctl's, with ca.pem, cert.pem and key.pem.
const (
	tlsCA   = "cacert"
	tlsCert = "cert"
	tlsKey  = "key"
	tlsName = "servername"
	tlsDir  = "tlsdir"
)

var tlsWords = []string{tlsCA, tlsCert, tlsKey, tlsName, tlsDir}

// secured is what makes a connection to a tcp address one with TLS, out of its query; nothing where it has none.
func secured(u *url.URL) ([]client.ClientOpt, error) {
	q := u.Query()
	if len(q) == 0 {
		return nil, nil
	}
	for _, word := range slices.Sorted(maps.Keys(q)) {
		if !slices.Contains(tlsWords, word) {
			return nil, fmt.Errorf("unknown %q; one of %s", word, strings.Join(tlsWords, ", "))
		}
	}
	ca, cert, key := q.Get(tlsCA), q.Get(tlsCert), q.Get(tlsKey)
	if dir := q.Get(tlsDir); dir != "" {
		if ca+cert+key != "" {
			return nil, fmt.Errorf("%s stands for %s, %s and %s: give it or these", tlsDir, tlsCA, tlsCert, tlsKey)
		}
		ca, cert, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	}
	if (cert == "") != (key == "") {
		return nil, fmt.Errorf("%s and %s belong together", tlsCert, tlsKey)
	}
	opts := []client.ClientOpt{client.WithServerConfigSystem(q.Get(tlsName))}
	if ca != "" {
		opts = []client.ClientOpt{client.WithServerConfig(q.Get(tlsName), ca)}
	}
	if cert != "" {
		opts = append(opts, client.WithCredentials(cert, key))
	}
	return opts, checkMaterial(ca, cert, key)
}

// checkMaterial reads what the connection will: a missing file is a mistake of the address, not of the builder.
func checkMaterial(ca, cert, key string) error {
	if ca != "" {
		data, err := os.ReadFile(ca)
		if err != nil {
			return err
		}
		if !x509.NewCertPool().AppendCertsFromPEM(data) {
			return fmt.Errorf("%s %q holds no certificate", tlsCA, ca)
		}
	}
	if cert == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return fmt.Errorf("%s %q and %s %q: %w", tlsCert, cert, tlsKey, key, bare(err))
	}
	return nil
}

// bare is an error without the path that is named beside it.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return err
	}
	return errors.New(strings.TrimPrefix(err.Error(), "tls: "))
}
