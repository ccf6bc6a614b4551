-- Access tokens: looked up by digest; dead with their session, or with the family of refresh tokens that renews them.

create or replace function authn.find_access_token(p_token_hash text, p_namespace text default 'default')
returns table (
    user_id uuid, client_id text, session_id uuid, scopes text[], expires_at timestamptz, claims jsonb,
    requested_claims jsonb, signed_response_alg text, pairwise_key text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select t.user_id, t.client_id, t.session_id, t.scopes, t.expires_at, authn._user_claims(t.user_id),
           coalesce(k.requested_claims, '{}'), c.userinfo_signed_response_alg, c.pairwise_key
      from authn.access_tokens t
      join authn.clients c on c.namespace = t.namespace and c.client_id = t.client_id
      left join authn.authorization_codes k on k.id = t.authorization_code_id
      left join authn.refresh_token_families f on f.id = t.refresh_family_id
     where t.namespace = p_namespace and t.token_hash = p_token_hash
       and t.revoked_at is null and t.expires_at > now() and f.ended_at is null
       and authn._login_stands(t.session_id, t.user_id, f.scopes);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_access_token(text, text) is
    'Returns a live access token with the claims of its user, those that the app asked for by name, and how the app '
    'wants userinfo signed; nothing when it expired or was revoked, its session or its family of refresh tokens '
    'ended, or its user was disabled.';

revoke execute on function authn.find_access_token(text, text) from public;

grant execute on function authn.find_access_token(text, text) to portal_app;
