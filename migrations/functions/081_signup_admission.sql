-- Who may sign up: what the namespace's policy says of it, and invitations.

create or replace function authn._domain_permitted(p_email text, p_policy jsonb) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_domain text := split_part(p_email, '@', 2);
begin
    -- A refused domain stands for what is below it too; an allowed one for itself alone: both err on the side of refusal.
    return coalesce(p_policy -> 'signup_domains' @> to_jsonb(v_domain), true)
        and not exists (
            select 1 from jsonb_array_elements_text(coalesce(p_policy -> 'signup_refused_domains', '[]')) refused
             where v_domain = refused or v_domain like '%.' || refused);
end
$$;
comment on function authn._domain_permitted(text, jsonb) is
    'Whether a policy lets an address of this domain sign up. It says nothing of whose addresses there are.';

create or replace function authn._signup_permitted(p_email text, p_namespace text) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy jsonb := authn._policy(p_namespace);
begin
    return case coalesce(v_policy ->> 'signup', 'open')
               when 'open' then true
               when 'invite' then exists (
                   select 1 from authn.invites i
                    where i.namespace = p_namespace and i.email = p_email and i.used_at is null and i.expires_at > now())
               else false
           end
       and authn._domain_permitted(p_email, v_policy);
end
$$;
comment on function authn._signup_permitted(text, text) is
    'Whether an account may be made for this address now: asked when the mail is sent and again when the account is made.';

create or replace function authn._use_invite(p_email text, p_namespace text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update authn.invites i
       set used_at = now()
     where i.namespace = p_namespace and i.email = p_email and i.used_at is null;
end
$$;
comment on function authn._use_invite(text, text) is 'Uses up the invitations of an address for which an account was made.';

create or replace function authn.create_invite(
    p_email text, p_code_digest text, p_mail text, p_actor jsonb, p_namespace text default 'default'
) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    c_valid_for constant interval := interval '7 days';
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_policy jsonb;
    v_outcome text;
    v_id uuid;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    perform authn._check_hash(p_code_digest, 'code_digest');
    v_policy := authn._policy(p_namespace);
    v_outcome := case
        when exists (select 1 from authn.users u where u.namespace = p_namespace and u.email = v_email) then 'registered'
        when v_policy ->> 'signup' = 'closed' then 'closed'
        when not authn._domain_permitted(v_email, v_policy) then 'domain_refused'
        else 'invited'
    end;
    if v_outcome = 'invited' then
        -- The newest link is the only one that works.
        perform authn._use_invite(v_email, p_namespace);
        insert into authn.invites (namespace, email, code_digest, expires_at)
        values (p_namespace, v_email, p_code_digest, now() + c_valid_for)
        returning id into v_id;
        perform authn._enqueue('mail', p_mail, p_namespace);
        perform authn._audit('invite_created', 'invite', v_id::text, null, jsonb_build_object('email', v_email), p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_outcome;
end
$$;
comment on function authn.create_invite(text, text, text, jsonb, text) is
    'Invites an address to sign up within 7 days and sends the sealed mail. Outcome: invited, or why not: registered, closed '
    '(nobody may sign up), domain_refused. For operators: it tells whether an account exists.';

create or replace function authn.withdraw_invite(p_email text, p_actor jsonb, p_namespace text default 'default')
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
    v_email text := authn._check_email(p_email);
    v_withdrawn text;
begin
    perform authn._apply_actor(p_actor);
    perform authn._check_context(p_namespace);
    -- A sign-up that is making its account at this moment comes first, or is refused.
    perform authn._lock_login(v_email, null, p_namespace);
    update authn.invites i
       set used_at = now()
     where i.namespace = p_namespace and i.email = v_email and i.used_at is null and i.expires_at > now()
    returning i.id::text into v_withdrawn;
    if found then
        perform authn._audit(
            'invite_withdrawn', 'invite', v_withdrawn, null, jsonb_build_object('email', v_email), p_namespace);
    end if;
    perform authn._leave(v_outer);
    return v_withdrawn is not null;
end
$$;
comment on function authn.withdraw_invite(text, jsonb, text) is
    'Ends the invitation of an address: its link leads nowhere, and a sign-up that waits for its code makes no account where '
    'that takes an invitation. False when there is none that still works.';

create or replace function authn.find_invite(p_code_digest text, p_namespace text default 'default')
returns table (email text, usable boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_outer text := authn._enter(p_namespace);
begin
    return query
        select i.email, i.used_at is null and i.expires_at > now()
          from authn.invites i
         where i.namespace = p_namespace and i.code_digest = p_code_digest;
    perform authn._leave(v_outer);
end
$$;
comment on function authn.find_invite(text, text) is
    'Whom a link invites, and whether it still does; no row for a code that is none. Reads only: mail scanners open links.';

create or replace function authn._cleanup_invites(p_namespace text, p_batch_size integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted bigint;
begin
    -- A month longer than it works, so that its page can say what happened to it.
    delete from authn.invites i
     where i.id = any (array(
               select o.id from authn.invites o
                where o.namespace = p_namespace and o.expires_at < now() - interval '30 days'
                order by o.expires_at limit p_batch_size for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end
$$;
comment on function authn._cleanup_invites(text, integer) is 'Deletes invitations that expired a month ago.';

revoke all on function authn._domain_permitted(text, jsonb), authn._signup_permitted(text, text),
    authn._use_invite(text, text), authn._cleanup_invites(text, integer),
    authn.create_invite(text, text, text, jsonb, text), authn.withdraw_invite(text, jsonb, text),
    authn.find_invite(text, text) from public;
grant execute on function authn.create_invite(text, text, text, jsonb, text), authn.withdraw_invite(text, jsonb, text),
    authn.find_invite(text, text) to portal_app;
