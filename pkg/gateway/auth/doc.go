// Package auth says who a token speaks for: JSON Web Tokens (RFC 7519) signed with
// Ed25519 (alg EdDSA, RFC 8037) and nothing else.
//
// Claims: sub (the user, required), exp (required), aud (must hold "annal"), svc (the
// service that holds the token: it may act for other users), scope (what of that it may;
// without the claim, all), may (of a user's token: what a program that is not the first
// party's may do for them; without the claim, all), sid and dev (the login that the token comes from, and its device),
// nbf and iat (optional).
// The header's kid names the key; the key set is a JWK Set (RFC 7517).
package auth
