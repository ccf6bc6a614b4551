-- What an app may ask about its own tokens: to end one (RFC 7009), and whether one still works (RFC 7662).

create or replace function authn.revoke_token(
    p_token_hash text, p_client_id text, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_access authn.access_tokens;
    v_family authn.refresh_token_families;
    v_outcome text;
begin
    perform authn._apply_actor(p_actor);
    select t.* into v_access
      from authn.access_tokens t
     where t.namespace = p_namespace and t.token_hash = p_token_hash;
    -- Also by a token that was used up: an app that lost the latest answer must be able to end what it holds.
    select f.* into v_family
      from authn.refresh_tokens t
      join authn.refresh_token_families f on f.id = t.family_id
     where t.namespace = p_namespace and t.token_hash = p_token_hash;
    v_outcome := case
        when v_access.id is null and v_family.id is null then 'unknown'
        when coalesce(v_access.client_id, v_family.client_id) <> p_client_id then 'other_client'
        when v_access.id is not null then 'access_token'
        else 'refresh_token'
    end;
    update authn.access_tokens t
       set revoked_at = now()
     where v_outcome = 'access_token' and t.id = v_access.id and t.revoked_at is null;
    -- RFC 7009 section 2.1: access tokens of the same grant end too. They do, with their family.
    update authn.refresh_token_families f
       set ended_at = now(), ended_reason = 'revoked'
     where v_outcome = 'refresh_token' and f.id = v_family.id and f.ended_at is null;
    -- An unknown one is no news: apps also revoke what has long expired.
    if v_outcome <> 'unknown' then
        perform authn._audit(
            case when v_outcome = 'other_client' then 'token_revocation_refused' else 'token_revoked' end,
            'client', p_client_id, null,
            jsonb_strip_nulls(jsonb_build_object(
                'reason', case when v_outcome = 'other_client' then v_outcome end,
                'token_type', case when v_access.id is not null then 'access_token' else 'refresh_token' end,
                'user_id', coalesce(v_access.user_id, v_family.user_id),
                'session_id', coalesce(v_access.session_id, v_family.session_id),
                'refresh_family_id', coalesce(v_access.refresh_family_id, v_family.id)
            )), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.revoke_token(text, text, jsonb, text) is
    'Ends an app''s own access token, or a refresh token with its whole family and the access tokens of that. Returns '
    'access_token or refresh_token, also where it had ended before, or unknown or other_client.';

create or replace function authn.introspect_token(
    p_token_hash text, p_client_id text, p_namespace text default 'default'
) returns table (
    token_type text, user_id uuid, session_id uuid, scopes text[], issued_at timestamptz, expires_at timestamptz,
    claims jsonb
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
    select 'access_token', a.user_id, a.session_id, t.scopes, t.created_at, t.expires_at, a.claims
      from authn.access_tokens t
     cross join authn.find_access_token(p_token_hash, p_namespace) a
     where t.namespace = p_namespace and t.token_hash = p_token_hash and t.client_id = p_client_id
    union all
    select 'refresh_token', f.user_id, f.session_id, f.scopes, t.created_at, f.expires_at, authn._user_claims(f.user_id)
      from authn.refresh_tokens t
      join authn.refresh_token_families f on f.id = t.family_id
     where t.namespace = p_namespace and t.token_hash = p_token_hash and t.used_at is null
       and f.client_id = p_client_id and f.ended_at is null and f.expires_at > now()
       and authn._login_stands(f.session_id, f.user_id, f.scopes);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.introspect_token(text, text, text) is
    'Returns a token of this app while it works: an access token, or a refresh token that was not used yet. No row for '
    'any other, without a word why.';

revoke execute on function authn.revoke_token(text, text, jsonb, text) from public;
revoke execute on function authn.introspect_token(text, text, text) from public;

grant execute on function authn.revoke_token(text, text, jsonb, text) to portal_app;
grant execute on function authn.introspect_token(text, text, text) to portal_app;
