-- One-time tokens: created, consumed once, invalidated.

create or replace function authn._token_lifetime(p_token_type text) returns interval
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._check_text(p_token_type, 'token_type', 1024);
    case p_token_type
        when 'password_reset' then return interval '1 hour';
        when 'email_verify' then return interval '24 hours';
        when 'magic_link' then return interval '15 minutes';
        else raise exception 'token_type must be password_reset, email_verify or magic_link' using errcode = '22023';
    end case;
end
$$;
comment on function authn._token_lifetime(text) is 'How long a token of this type lives; raises for any other type.';

create or replace function authn.create_token(
    p_user_id uuid,
    p_token_hash text,
    p_token_type text,
    p_expires_in interval default null,
    p_namespace text default 'default'
) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_lifetime interval := authn._token_lifetime(p_token_type);
    v_token_id uuid;
begin
    perform authn._check_hash(p_token_hash, 'token_hash');
    perform authn._lock_enabled_user(p_user_id, p_namespace);
    insert into authn.tokens (namespace, user_id, token_hash, token_type, expires_at)
    values (p_namespace, p_user_id, p_token_hash, p_token_type, now() + coalesce(p_expires_in, v_lifetime))
    on conflict do nothing
    returning id into v_token_id;
    if v_token_id is null then
        perform authn._raise_duplicate('token_hash', 'tokens_token_hash_key');
    end if;
    perform authn._audit(
        'token_created', 'token', v_token_id::text, null,
        jsonb_build_object('user_id', p_user_id, 'token_type', p_token_type), p_namespace
    );
    perform authn._leave(v_outer);
    return v_token_id;
end
$$;
comment on function authn.create_token(uuid, text, text, interval, text) is
    'Makes a one-time token and returns its id: password_reset (1 hour), email_verify (24 hours) or magic_link '
    '(15 minutes). Refused for a disabled user.';

create or replace function authn._consume_token(p_token_hash text, p_token_type text, p_namespace text)
returns table (user_id uuid, email text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token_id uuid;
begin
    -- Check and use are one UPDATE: of calls at once the second finds the row changed when it gets the lock.
    update authn.tokens t
       set used_at = now()
      from authn.users u
     where t.token_hash = p_token_hash
       and t.namespace = p_namespace
       and t.token_type = p_token_type
       and t.used_at is null
       and t.expires_at > now()
       and u.id = t.user_id
       and u.namespace = t.namespace
       and u.disabled_at is null
    returning t.id, u.id, u.email into v_token_id, user_id, email;
    if found then
        perform authn._audit(
            'token_consumed', 'token', v_token_id::text, null,
            jsonb_build_object('user_id', user_id, 'token_type', p_token_type), p_namespace
        );
        return next;
    end if;
end
$$;
comment on function authn._consume_token(text, text, text) is
    'Uses a token up, inside the tenant context of the function that calls it.';

create or replace function authn.consume_token(p_token_hash text, p_token_type text, p_namespace text default 'default')
returns table (user_id uuid, email text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._check_hash(p_token_hash, 'token_hash');
    perform authn._token_lifetime(p_token_type);
    return query select c.user_id, c.email from authn._consume_token(p_token_hash, p_token_type, p_namespace) c;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.consume_token(text, text, text) is
    'Uses a token up and returns whose it was. No row when it is unknown, of another type, used or expired, or its user '
    'disabled. Of any number of calls at once exactly one gets the row.';

create or replace function authn.verify_email(p_token_hash text, p_namespace text default 'default')
returns table (user_id uuid, email text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    perform authn._check_hash(p_token_hash, 'token_hash');
    -- The user before the token, the order in which disable_user locks them: the other way round the two could deadlock.
    perform 1
       from authn.users u
      where u.namespace = p_namespace
        and u.id = (
                select t.user_id from authn.tokens t where t.token_hash = p_token_hash and t.namespace = p_namespace
            )
        for no key update;
    select c.user_id, c.email
      into user_id, email
      from authn._consume_token(p_token_hash, 'email_verify', p_namespace) c;
    if found then
        update authn.users u
           set email_verified_at = now(), updated_at = now()
         where u.namespace = p_namespace and u.id = verify_email.user_id;
        perform authn._mirror_email(user_id, p_namespace);
        perform authn._audit(
            'email_verified', 'user', user_id::text, null, jsonb_build_object('email', email), p_namespace
        );
        return next;
    end if;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.verify_email(text, text) is
    'Uses an email_verify token up and marks the address as proven; returns the user, or no row as consume_token does. '
    'A unique violation, and the token kept, where somebody else has proven the same address before.';

create or replace function authn.invalidate_tokens(p_user_id uuid, p_token_type text, p_namespace text default 'default')
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_count integer;
begin
    perform authn._require(p_user_id is not null, 'user_id');
    perform authn._token_lifetime(p_token_type);
    update authn.tokens t
       set used_at = now()
     where t.namespace = p_namespace and t.user_id = p_user_id and t.token_type = p_token_type and t.used_at is null;
    get diagnostics v_count = row_count;
    perform authn._leave(v_outer);
    return v_count;
end
$$;
comment on function authn.invalidate_tokens(uuid, text, text) is
    'Marks the user''s unused tokens of a type as used, and returns how many.';

revoke all on function authn._token_lifetime(text), authn.create_token(uuid, text, text, interval, text),
    authn._consume_token(text, text, text), authn.consume_token(text, text, text), authn.verify_email(text, text),
    authn.invalidate_tokens(uuid, text, text) from public;
grant execute on function authn.create_token(uuid, text, text, interval, text), authn.consume_token(text, text, text),
    authn.verify_email(text, text), authn.invalidate_tokens(uuid, text, text) to portal_app;
