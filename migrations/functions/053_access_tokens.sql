-- Access tokens: issued for a code, looked up by digest, dead with their session.

create or replace function authn.issue_access_token(
    p_code_id uuid, p_token_hash text, p_valid_for interval, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_code authn.authorization_codes;
begin
    perform authn._apply_actor(p_actor);
    -- Locked: a replay that comes between taking and issuing must find the token, or leave its mark before it is made.
    select c.* into v_code
      from authn.authorization_codes c
     where c.namespace = p_namespace and c.id = p_code_id
       for update;
    if v_code.id is not null then
        insert into authn.access_tokens (
            namespace, token_hash, client_id, user_id, session_id, authorization_code_id, scopes, expires_at, revoked_at
        ) values (
            p_namespace, p_token_hash, v_code.client_id, v_code.user_id, v_code.session_id, v_code.id, v_code.scopes,
            now() + p_valid_for, v_code.replayed_at
        );
        perform authn._audit(
            'tokens_issued', 'client', v_code.client_id, null,
            jsonb_build_object(
                'user_id', v_code.user_id, 'session_id', v_code.session_id, 'scopes', to_jsonb(v_code.scopes)
            ), p_namespace
        );
    end if;
    perform authn._leave(v_outer);
    return v_code.id is not null;
end
$$;
comment on function authn.issue_access_token(uuid, text, interval, jsonb, text) is
    'Stores the digest of an access token for a code that was taken; false where the code is gone. For a code that was '
    'replayed meanwhile the token is born revoked.';

create or replace function authn.find_access_token(p_token_hash text, p_namespace text default 'default')
returns table (user_id uuid, client_id text, session_id uuid, scopes text[], expires_at timestamptz, claims jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
    select t.user_id, t.client_id, t.session_id, t.scopes, t.expires_at, authn._user_claims(t.user_id)
      from authn.access_tokens t
     where t.namespace = p_namespace and t.token_hash = p_token_hash
       and t.revoked_at is null and t.expires_at > now()
       and authn._session_is_alive(t.session_id, t.user_id);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_access_token(text, text) is
    'Returns a live access token with the claims of its user; nothing when it expired or was revoked, its session ended '
    'or its user was disabled.';

revoke execute on function authn.issue_access_token(uuid, text, interval, jsonb, text) from public;
revoke execute on function authn.find_access_token(text, text) from public;

grant execute on function authn.issue_access_token(uuid, text, interval, jsonb, text) to portal_app;
grant execute on function authn.find_access_token(text, text) to portal_app;
