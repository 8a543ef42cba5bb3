package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"strix-build/internal/build"
	"strix-build/internal/sign"
)

func (a *app) keyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "keys that images' documents are signed with",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keyGenerateCmd())
	return cmd
}

func (a *app) keyGenerateCmd() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "make a key: PREFIX.key, encrypted, and PREFIX.pub for those who check",
		Long: `Makes an ECDSA P-256 key in the forms of "cosign generate-key-pair", so cosign can sign and check with it too. The private key
is encrypted with the password in $COSIGN_PASSWORD (which may be empty), else with one that is asked for.`,
		Example: `  strix-build key generate --out ~/keys/strix-build`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.generateKey(prefix) },
	}
	cmd.Flags().StringVar(&prefix, "out", "strix-build", "`PREFIX` of the two files")
	return cmd
}

func (a *app) generateKey(prefix string) error {
	files := []string{prefix + ".key", prefix + ".pub"}
	for _, f := range files { // before a password is asked for
		if _, err := os.Lstat(f); err == nil {
			return usage("%s is there already: a key is not overwritten", f)
		}
	}
	private, public, err := sign.Generate(a.password)
	if err != nil {
		return err
	}
	if err := writeNew(files[0], private, 0o600); err != nil {
		return err
	}
	if err := writeNew(files[1], public, 0o644); err != nil {
		return errors.Join(err, os.Remove(files[0]))
	}
	keys, err := sign.ReadPublicKeys(public)
	if err != nil {
		return err
	}
	a.printf("%s, %s: keep the first one to yourself\n", files[0], files[1])
	_, err = fmt.Fprintln(a.out, keys[0].ID())
	return err
}

// writeNew writes a whole file under a name that nobody has: a link, unlike a rename, replaces nothing.
func writeNew(file string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	if err := os.Link(f.Name(), file); errors.Is(err, fs.ErrExist) {
		return usage("%s is there already: a key is not overwritten", file)
	} else if err != nil {
		return fmt.Errorf("write %q: %w", file, err)
	}
	return nil
}

// passwordVariable is cosign's.
const passwordVariable = "COSIGN_PASSWORD"

// password is that of a private key; a new one is asked for twice.
func (a *app) password(isNew bool) ([]byte, error) {
	if word, ok := os.LookupEnv(passwordVariable); ok {
		return []byte(word), nil
	}
	in, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, &build.HintError{Err: usage("the private key's password: there is no terminal to ask on"), Hint: "set $" + passwordVariable + "; it may be empty"}
	}
	ask := func(words string) ([]byte, error) {
		a.printf("%s: ", words)
		defer a.printf("\n")
		return term.ReadPassword(int(in.Fd()))
	}
	word, err := ask("password of the private key")
	if err != nil || !isNew {
		return word, err
	}
	again, err := ask("once more")
	if err == nil && string(again) != string(word) {
		err = usage("the two passwords differ")
	}
	return word, err
}

// privateKey reads the key to sign with.
func (a *app) privateKey(file string) (*sign.Key, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("--key: %v", err)
	}
	k, err := sign.ReadKey(data, a.password)
	if err != nil && bytes.Contains(data, []byte("PUBLIC KEY-----")) {
		return nil, &build.HintError{Err: usage("--key: %s is a public key", file), Hint: "signing takes the private half, such as " + strings.TrimSuffix(file, ".pub") + ".key"}
	}
	if errors.Is(err, sign.ErrPassword) {
		return nil, &build.HintError{Err: usage("--key: %s: %v", file, err), Hint: "the password is $" + passwordVariable + ", or asked for where that is not set"}
	}
	if err != nil {
		return nil, asUsageOf("--key: "+file, err)
	}
	return k, nil
}

// publicKeys reads the keys to check with.
func publicKeys(files []string) ([]*sign.PublicKey, error) {
	var out []*sign.PublicKey
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, usage("--key: %v", err)
		}
		keys, err := sign.ReadPublicKeys(data)
		if err != nil && bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			return nil, &build.HintError{Err: usage("--key: %s is a private key", f), Hint: "checking takes the public half, such as " + strings.TrimSuffix(f, ".key") + ".pub"}
		}
		if err != nil {
			return nil, asUsageOf("--key: "+f, err)
		}
		out = append(out, keys...)
	}
	return out, nil
}

// asUsageOf is an error of something that was typed, with the hint that it has.
func asUsageOf(what string, err error) error {
	var hint *build.HintError
	if errors.As(err, &hint) {
		return &build.HintError{Err: usage("%s: %v", what, err), Hint: hint.Hint}
	}
	return usage("%s: %v", what, err)
}
