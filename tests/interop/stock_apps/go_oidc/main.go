// A whole app with go-oidc and golang.org/x/oauth2.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var (
	appURL   = os.Getenv("APP_URL")
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	config   oauth2.Config
	mutex    sync.Mutex
	sessions = map[string]*session{}
)

type session struct {
	state, nonce, pkce, email, idToken string
	token                              *oauth2.Token
}

func main() {
	var err error
	provider, err = oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	verifier = provider.Verifier(&oidc.Config{ClientID: os.Getenv("CLIENT_ID")})
	config = oauth2.Config{
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  appURL + "/callback",
		Scopes:       []string{oidc.ScopeOpenID, "profile", "email"},
	}
	http.HandleFunc("/{$}", me)
	http.HandleFunc("/login", login)
	http.HandleFunc("/callback", callback)
	http.HandleFunc("/refresh", refresh)
	http.HandleFunc("/logout", logout)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func me(w http.ResponseWriter, r *http.Request) {
	json.NewEncoder(w).Encode(map[string]string{"email": of(w, r).email})
}

func login(w http.ResponseWriter, r *http.Request) {
	s := of(w, r)
	s.state, s.nonce, s.pkce = rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	http.Redirect(w, r, config.AuthCodeURL(s.state, oidc.Nonce(s.nonce), oauth2.S256ChallengeOption(s.pkce)), http.StatusFound)
}

func callback(w http.ResponseWriter, r *http.Request) {
	s := of(w, r)
	if s.state == "" || r.URL.Query().Get("state") != s.state {
		http.Error(w, "state does not match", http.StatusBadRequest)
		return
	}
	token, err := config.Exchange(r.Context(), r.URL.Query().Get("code"), oauth2.VerifierOption(s.pkce))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := verifier.Verify(r.Context(), raw) // signature, iss, aud, exp
	if err != nil || idToken.Nonce != s.nonce {
		http.Error(w, "the ID token is not valid", http.StatusBadGateway)
		return
	}
	info, err := provider.UserInfo(r.Context(), config.TokenSource(r.Context(), token))
	if err != nil || info.Subject != idToken.Subject {
		http.Error(w, "userinfo is about somebody else", http.StatusBadGateway)
		return
	}
	s.token, s.idToken, s.email = token, raw, info.Email
	http.Redirect(w, r, "/", http.StatusFound)
}

func refresh(w http.ResponseWriter, r *http.Request) {
	s := of(w, r)
	before := s.token.AccessToken
	token, err := config.TokenSource(r.Context(), &oauth2.Token{RefreshToken: s.token.RefreshToken}).Token()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	s.token = token
	json.NewEncoder(w).Encode(map[string]bool{"refreshed": token.AccessToken != before})
}

func logout(w http.ResponseWriter, r *http.Request) {
	s := of(w, r)
	var discovered struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&discovered); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	asked := url.Values{"id_token_hint": {s.idToken}, "post_logout_redirect_uri": {appURL + "/"}}
	*s = session{}
	http.Redirect(w, r, discovered.EndSession+"?"+asked.Encode(), http.StatusFound)
}

// of returns the session of this browser, and makes one where there is none.
func of(w http.ResponseWriter, r *http.Request) *session {
	mutex.Lock()
	defer mutex.Unlock()
	if cookie, err := r.Cookie("app_session"); err == nil && sessions[cookie.Value] != nil {
		return sessions[cookie.Value]
	}
	id := rand.Text()
	sessions[id] = &session{}
	http.SetCookie(w, &http.Cookie{Name: "app_session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return sessions[id]
}
