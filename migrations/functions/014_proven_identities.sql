-- Logins without a password: whoever has just proven an address or a number gets the account that is theirs, made where
-- there is none.

create or replace function authn.create_user_with_phone(p_phone text, p_namespace text default 'default') returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_phone text := authn._check_identity('phone', p_phone);
    v_user_id uuid;
begin
    perform authn._check_context(p_namespace);
    insert into authn.users (namespace) values (p_namespace) returning id into v_user_id;
    begin
        insert into authn.identities (namespace, user_id, kind, value, verified_at)
        values (p_namespace, v_user_id, 'phone', v_phone, now());
    exception when unique_violation then
        perform authn._raise_duplicate('phone', 'identities_verified_key');
    end;
    perform authn._audit(
        'user_created', 'user', v_user_id::text, null, jsonb_build_object('phone', v_phone), p_namespace
    );
    perform authn._leave(v_outer);
    return v_user_id;
end
$$;
comment on function authn.create_user_with_phone(text, text) is
    'Makes a user who has a proven phone number, and neither address nor password, and returns the id. A number that '
    'somebody has proven before is a unique violation.';

create or replace function authn._remove_unproven_access(p_user_id uuid, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Pre-hijacking: an attacker makes the account ahead of the person and leaves a way in. Whatever was put on it came
    -- from somebody who had not shown that the mailbox is theirs.
    update authn.users u set password_hash = null where u.namespace = p_namespace and u.id = p_user_id;
    update authn.sessions s
       set revoked_at = now()
     where s.namespace = p_namespace and s.user_id = p_user_id and s.revoked_at is null;
    update authn.api_keys k
       set revoked_at = now()
     where k.namespace = p_namespace and k.user_id = p_user_id and k.revoked_at is null;
    update authn.tokens t
       set used_at = now()
     where t.namespace = p_namespace and t.user_id = p_user_id and t.used_at is null;
    delete from authn.mfa_secrets m where m.namespace = p_namespace and m.user_id = p_user_id;
    delete from authn.federated_identities f where f.namespace = p_namespace and f.user_id = p_user_id;
    delete from authn.known_browsers b where b.namespace = p_namespace and b.user_id = p_user_id;
    delete from authn.grants g where g.namespace = p_namespace and g.user_id = p_user_id;
    delete from authn.identities i
     using authn.users u
     where i.namespace = p_namespace
       and i.user_id = p_user_id
       and u.id = p_user_id
       and (i.kind <> 'email' or i.value <> u.email);
end
$$;
comment on function authn._remove_unproven_access(uuid, text) is
    'Takes every credential, session and further identity off an account whose address is being proven for the first time '
    'by somebody who need not be the one who made it.';

create or replace function authn.find_or_create_email_identity(p_email text, p_namespace text default 'default')
returns table (outcome text, user_id uuid, identity_id uuid, disabled_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
begin
    perform authn._check_context(p_namespace);
    -- Two proofs of one address at once: the second finds what the first made.
    perform pg_advisory_xact_lock(hashtextextended('identity:' || p_namespace || ':email:' || v_email, 0));
    select 'found', f.user_id, f.identity_id, f.disabled_at
      into outcome, user_id, identity_id, disabled_at
      from authn.find_verified_identity('email', v_email, p_namespace) f;
    if not found then
        -- Whoever makes the same account past this function holds no lock: at worst the second look finds it.
        begin
            user_id := authn.create_user(v_email, null, p_namespace);
            outcome := 'created';
        exception when unique_violation then
            select u.id, u.disabled_at
              into user_id, disabled_at
              from authn.users u
             where u.namespace = p_namespace and u.email = v_email
               for no key update;
            outcome := 'claimed';
            if not found then
                -- Not a primary address: somebody proved it as a further one a moment ago.
                select 'found', f.user_id, f.identity_id, f.disabled_at
                  into outcome, user_id, identity_id, disabled_at
                  from authn.find_verified_identity('email', v_email, p_namespace) f;
            end if;
        end;
        if outcome <> 'found' and disabled_at is null then
            if outcome = 'claimed' then
                perform authn._remove_unproven_access(user_id, p_namespace);
            end if;
            update authn.users u
               set email_verified_at = now(), updated_at = now()
             where u.namespace = p_namespace and u.id = find_or_create_email_identity.user_id;
            perform authn._mirror_email(user_id, p_namespace);
            perform authn._audit(
                'email_verified', 'user', user_id::text, null,
                jsonb_build_object('email', v_email, 'access_removed', outcome = 'claimed'), p_namespace
            );
        else
            outcome := 'found';
        end if;
        select i.id
          into identity_id
          from authn.identities i
         where i.namespace = p_namespace
           and i.user_id = find_or_create_email_identity.user_id
           and i.kind = 'email'
           and i.value = v_email;
    end if;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_or_create_email_identity(text, text) is
    'For whoever has just proven an address by a code or link: returns their user and the verified identity. outcome: found; '
    'created (a user without a password); claimed (an account with this unproven address became theirs, and everything that '
    'was put on it before is gone). A disabled user is returned with disabled_at, unchanged: the caller refuses.';

create or replace function authn.find_or_create_phone_identity(p_phone text, p_namespace text default 'default')
returns table (outcome text, user_id uuid, identity_id uuid, disabled_at timestamptz)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_phone text := authn._check_identity('phone', p_phone);
begin
    perform authn._check_context(p_namespace);
    perform pg_advisory_xact_lock(hashtextextended('identity:' || p_namespace || ':phone:' || v_phone, 0));
    outcome := 'found';
    if not exists (
        select
          from authn.identities i
         where i.namespace = p_namespace and i.kind = 'phone' and i.value = v_phone and i.verified_at is not null
    ) then
        perform authn.create_user_with_phone(v_phone, p_namespace);
        outcome := 'created';
    end if;
    select f.user_id, f.identity_id, f.disabled_at
      into user_id, identity_id, disabled_at
      from authn.find_verified_identity('phone', v_phone, p_namespace) f;
    return next;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_or_create_phone_identity(text, text) is
    'For whoever has just proven a phone number by a code: returns their user and the verified identity. outcome: found or '
    'created. A disabled user is returned with disabled_at: the caller refuses.';

revoke all on function authn.create_user_with_phone(text, text), authn._remove_unproven_access(uuid, text),
    authn.find_or_create_email_identity(text, text), authn.find_or_create_phone_identity(text, text) from public;
grant execute on function authn.create_user_with_phone(text, text), authn.find_or_create_email_identity(text, text),
    authn.find_or_create_phone_identity(text, text) to portal_app;
