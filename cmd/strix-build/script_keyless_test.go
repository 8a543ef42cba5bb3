package main

import (
	"os"

	"github.com/rogpeppe/go-internal/testscript"

	"strix-build/internal/keyless/keylesstest"
)

// sigstore runs a certificate authority, a log and a workflow's runner for the rest of the script: sigstore NAME writes what they are trusted with to
// NAME-trusted.json and where they are to NAME-signing.json, a token for ada to NAME-token, and sets NAME to where the runner gives tokens, which
// are for a workflow.
func sigstore(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	s, err := keylesstest.Start()
	ts.Check(err)
	ts.Defer(s.Close)
	s.Runner = "https://forge.example/me/llama/.forgejo/workflows/publish.yml@refs/heads/main"
	for file, data := range map[string][]byte{
		"trusted.json": s.TrustedRoot, "signing.json": s.SigningConfig, "token": []byte(keylesstest.Token("ada@example.com", "https://id.example") + "\n"),
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name+"-"+file), data, 0o600))
	}
	ts.Setenv(name, s.URL+"/token?api-version=2.0")
}
