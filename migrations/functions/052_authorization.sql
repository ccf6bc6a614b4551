-- Authorization: what decides a request, requests that wait, codes given and taken.

create or replace function authn._session_is_alive(p_session_id uuid, p_user_id uuid) returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from authn.sessions s
          join authn.users u on u.id = s.user_id
         where s.id = p_session_id and s.user_id = p_user_id
           and s.revoked_at is null and s.expires_at > now() and u.disabled_at is null
    )
$$;
comment on function authn._session_is_alive(uuid, uuid) is
    'Tells whether a login still stands: what an app holds ends with it.';

create or replace function authn._login_stands(p_session_id uuid, p_user_id uuid, p_scopes text[]) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if 'offline_access' = any (p_scopes) then
        return exists (select from authn.users u where u.id = p_user_id and u.disabled_at is null);
    end if;
    return authn._session_is_alive(p_session_id, p_user_id);
end
$$;
comment on function authn._login_stands(uuid, uuid, text[]) is
    'Tells whether what a login gave an app is still good: as long as the session, or with offline_access among the '
    'scopes as long as the person may log in.';

create or replace function authn._user_claims(p_user_id uuid) returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'name', u.name,
        'preferred_username', u.username,
        'picture', u.picture,
        'locale', u.locale,
        'zoneinfo', u.zoneinfo,
        'updated_at', floor(extract(epoch from u.updated_at))::bigint,
        'email', u.email,
        -- A boolean, never a string: apps compare it with true (OpenID Connect Core section 5.1).
        'email_verified', case when u.email is not null then u.email_verified_at is not null end,
        'phone_number', p.value,
        'phone_number_verified', case when p.value is not null then p.verified_at is not null end,
        'address', case when jsonb_typeof(u.metadata -> 'address') = 'object' then u.metadata -> 'address' end
    ))
      from authn.users u
      left join lateral (
          select i.value, i.verified_at
            from authn.identities i
           where i.namespace = u.namespace and i.user_id = u.id and i.kind = 'phone'
           order by i.verified_at is null, i.created_at, i.id
           limit 1
      ) p on true
     where u.id = p_user_id
$$;
comment on function authn._user_claims(uuid) is
    'Returns every claim the portal knows of a person; which of them an app gets is decided by its scopes.';

create or replace function authn.load_authorization(
    p_client_id text, p_request_id uuid, p_browser_digest text, p_user_id uuid, p_namespace text default 'default'
) returns table (
    client jsonb, granted_scopes text[], request_state text, parameters jsonb, requested_at timestamptz,
    asked_at timestamptz
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_request authn.authorization_requests;
    v_state text;
begin
    if p_request_id is not null then
        -- A request that came by POST belongs to nobody yet; of two browsers that open it one has it.
        update authn.authorization_requests r
           set browser_digest = p_browser_digest
         where r.namespace = p_namespace and r.id = p_request_id and r.browser_digest is null;
        select r.* into v_request
          from authn.authorization_requests r
         where r.namespace = p_namespace and r.id = p_request_id;
        v_state := case
            when v_request.id is null then 'unknown'
            when v_request.browser_digest is distinct from p_browser_digest then 'other_browser'
            when v_request.expires_at <= now() then 'expired'
            else 'open'
        end;
    end if;
    return query
    select to_jsonb(c),
           coalesce((
               select g.scopes from authn.grants g
                where g.namespace = p_namespace and g.user_id = p_user_id and g.client_id = c.client_id
           ), '{}'),
           v_state,
           -- Another browser gets to know which app asked, so that it can start afresh, and nothing of what was asked.
           case when v_state = 'open' then v_request.parameters end,
           v_request.created_at,
           now()
      from authn.clients c
     where c.namespace = p_namespace and c.client_id = coalesce(v_request.client_id, p_client_id);
    perform authn._leave(v_outer);
end
$$;
comment on function authn.load_authorization(text, uuid, text, uuid, text) is
    'Returns in one call what an authorization request is decided by: the app, what this person allowed it before, and '
    'the waiting request where p_request_id names one (request_state open, expired, other_browser). No row: no such app '
    'or request.';

create or replace function authn.store_authorization_request(
    p_client_id text, p_browser_digest text, p_parameters jsonb, p_valid_for interval, p_ip_address text,
    p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_per_prefix constant integer := 6000;  -- an hour; a big office has one address
    v_outer text := authn._enter(p_namespace);
    v_prefix cidr := authn._address_prefix(nullif(p_ip_address, '')::inet);
    v_id uuid;
begin
    insert into authn.authorization_requests (namespace, client_id, browser_digest, parameters, expires_at, prefix)
    select p_namespace, p_client_id, p_browser_digest, p_parameters, now() + p_valid_for, v_prefix
     where c_per_prefix > (
               select count(*) from (
                   select from authn.authorization_requests r
                    where r.namespace = p_namespace and r.prefix = v_prefix and r.created_at > now() - interval '1 hour'
                    limit c_per_prefix) recent)
    returning id into v_id;
    perform authn._leave(v_outer);
    return v_id;
end
$$;
comment on function authn.store_authorization_request(text, text, jsonb, interval, text, text) is
    'Keeps an authorization request for one browser while its person logs in or decides. NULL, and nothing is kept, where '
    '6000 of the last hour came from this address prefix: anybody may send them.';

create or replace function authn.issue_authorization_code(
    p_code_hash text, p_client_id text, p_user_id uuid, p_session_id uuid, p_redirect_uri text, p_scopes text[],
    p_nonce text, p_code_challenge text, p_auth_time timestamptz, p_amr text[], p_requested_claims jsonb,
    p_valid_for interval, p_actor jsonb, p_namespace text default 'default'
) returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_issued boolean;
begin
    perform authn._apply_actor(p_actor);
    -- The session was looked up before the decision; one that ended since gives no code.
    if authn._session_is_alive(p_session_id, p_user_id) then
        insert into authn.authorization_codes (
            namespace, code_hash, client_id, user_id, session_id, redirect_uri, scopes, nonce, code_challenge,
            auth_time, amr, requested_claims, expires_at
        ) values (
            p_namespace, p_code_hash, p_client_id, p_user_id, p_session_id, p_redirect_uri, p_scopes, p_nonce,
            p_code_challenge, p_auth_time, p_amr, p_requested_claims, now() + p_valid_for
        );
        perform authn._audit(
            'authorization_granted', 'client', p_client_id, null,
            jsonb_build_object('user_id', p_user_id, 'session_id', p_session_id, 'scopes', to_jsonb(p_scopes)),
            p_namespace
        );
        v_issued := true;
    end if;
    perform authn._leave(v_outer);
    return coalesce(v_issued, false);
end
$$;
comment on function authn.issue_authorization_code(
    text, text, uuid, uuid, text, text[], text, text, timestamptz, text[], jsonb, interval, jsonb, text
) is 'Stores the digest of a code for a live session; false where the session has ended.';

create or replace function authn.take_authorization_code(
    p_code_hash text, p_client_id text, p_actor jsonb, p_namespace text default 'default'
) returns table (
    outcome text, code_id uuid, user_id uuid, session_id uuid, redirect_uri text, scopes text[], nonce text,
    code_challenge text, auth_time timestamptz, amr text[], requested_claims jsonb, claims jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_outer text := authn._enter(p_namespace);
    v_code authn.authorization_codes;
    v_outcome text;
    v_revoked bigint;
begin
    perform authn._apply_actor(p_actor);
    -- Taken and checked in one statement: of any number of simultaneous redemptions one finds used_at empty.
    update authn.authorization_codes c
       set used_at = now()
     where c.namespace = p_namespace and c.code_hash = p_code_hash and c.client_id = p_client_id
       and c.used_at is null and c.expires_at > now()
    returning c.* into v_code;
    if found then
        v_outcome := case when authn._session_is_alive(v_code.session_id, v_code.user_id) then 'taken' else 'session_ended' end;
    else
        select c.* into v_code
          from authn.authorization_codes c
         where c.namespace = p_namespace and c.code_hash = p_code_hash;
        v_outcome := case
            when v_code.id is null then 'unknown'
            when v_code.client_id is distinct from p_client_id then 'other_client'
            when v_code.used_at is not null then 'replayed'
            else 'expired'
        end;
    end if;
    if v_outcome = 'replayed' then
        -- RFC 6749 section 4.1.2: "SHOULD revoke (when possible) all tokens previously issued based on that code."
        update authn.authorization_codes c set replayed_at = coalesce(c.replayed_at, now()) where c.id = v_code.id;
        update authn.access_tokens t
           set revoked_at = now()
         where t.authorization_code_id = v_code.id and t.revoked_at is null;
        get diagnostics v_revoked = row_count;
        update authn.refresh_token_families f
           set ended_at = now(), ended_reason = 'code_replayed'
         where f.authorization_code_id = v_code.id and f.ended_at is null;
        perform authn._audit(
            'code_replayed', 'client', p_client_id, null,
            jsonb_build_object('user_id', v_code.user_id, 'tokens_revoked', v_revoked), p_namespace
        );
    elsif v_outcome = 'unknown' then
        perform authn._audit_counted(
            concat_ws(' ', 'code_refused', p_client_id), 'code_refused', 'client', p_client_id, '{"reason": "unknown"}',
            p_namespace);
    elsif v_outcome <> 'taken' then
        perform authn._audit(
            'code_refused', 'client', p_client_id, null,
            jsonb_strip_nulls(jsonb_build_object('reason', v_outcome, 'user_id', v_code.user_id)), p_namespace
        );
    end if;
    return query
    select v_outcome, v_code.id, v_code.user_id, v_code.session_id, v_code.redirect_uri, v_code.scopes, v_code.nonce,
           v_code.code_challenge, v_code.auth_time, v_code.amr, v_code.requested_claims,
           case when v_outcome = 'taken' then authn._user_claims(v_code.user_id) end;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.take_authorization_code(text, text, jsonb, text) is
    'Uses a code up, once. outcome is taken, or why not: unknown, other_client, expired, session_ended, replayed; a '
    'replay ends the tokens that the code gave.';

revoke execute on function authn._session_is_alive(uuid, uuid) from public;
revoke execute on function authn._login_stands(uuid, uuid, text[]) from public;
revoke execute on function authn._user_claims(uuid) from public;
revoke execute on function authn.load_authorization(text, uuid, text, uuid, text) from public;
revoke execute on function authn.store_authorization_request(text, text, jsonb, interval, text, text) from public;
revoke execute on function authn.issue_authorization_code(
    text, text, uuid, uuid, text, text[], text, text, timestamptz, text[], jsonb, interval, jsonb, text
) from public;
revoke execute on function authn.take_authorization_code(text, text, jsonb, text) from public;

grant execute on function authn.load_authorization(text, uuid, text, uuid, text) to portal_app;
grant execute on function authn.store_authorization_request(text, text, jsonb, interval, text, text) to portal_app;
grant execute on function authn.issue_authorization_code(
    text, text, uuid, uuid, text, text[], text, text, timestamptz, text[], jsonb, interval, jsonb, text
) to portal_app;
grant execute on function authn.take_authorization_code(text, text, jsonb, text) to portal_app;
