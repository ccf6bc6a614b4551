-- Checks of arguments, with the SQLSTATEs that callers rely on: 22004 NULL, 22026 empty, 22001 too long, 22023 malformed.
-- No message repeats what was given: it may be a secret, and messages end in logs.

create or replace function authn._require(p_given boolean, p_name text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not p_given then
        raise exception '% must not be null', p_name using errcode = '22004';
    end if;
end
$$;
comment on function authn._require(boolean, text) is 'Raises 22004 in the name of an argument that is NULL.';

create or replace function authn._check_text(p_value text, p_name text, p_max_length integer) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_value is null then
        raise exception '% must not be null', p_name using errcode = '22004';
    end if;
    if btrim(p_value) = '' then
        raise exception '% must not be empty', p_name using errcode = '22026';
    end if;
    if length(p_value) > p_max_length then
        raise exception '% must be at most % characters long', p_name, p_max_length using errcode = '22001';
    end if;
end
$$;
comment on function authn._check_text(text, text, integer) is 'Raises when a text is NULL, only spaces, or too long.';

create or replace function authn._check_hash(p_hash text, p_name text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform authn._check_text(p_hash, p_name, 1024);
    if p_hash ~ '[\u0001-\u001f\u007f-\u009f]' then
        raise exception '% must have no control characters', p_name using errcode = '22023';
    end if;
end
$$;
comment on function authn._check_hash(text, text) is
    'Raises unless it can be a hash: not blank, at most 1024 characters, no control characters. No format is demanded.';

create or replace function authn._check_label(p_label text, p_name text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_label is not null then
        perform authn._check_hash(p_label, p_name);
    end if;
end
$$;
comment on function authn._check_label(text, text) is
    'Raises unless it is NULL or a name that a person may give to a thing of theirs, as long as a hash may be.';

create or replace function authn._check_email(p_email text) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text;
begin
    if p_email is null then
        raise exception 'email must not be null' using errcode = '22004';
    end if;
    v_email := lower(btrim(p_email, E' \t\n\u000b\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007'
        '\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'));
    if v_email = '' then
        raise exception 'email must not be empty' using errcode = '22026';
    end if;
    if length(v_email) > 1024 or octet_length(v_email) > 1024 then
        raise exception 'email must be at most 1024 bytes long' using errcode = '22001';
    end if;
    -- One @ only: with two, mail servers and readers disagree about where the address leads.
    if v_email !~ '^[^@]+@[^@]+$'
        or v_email ~ '[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
    then
        raise exception 'email must be an address' using errcode = '22023';
    end if;
    return v_email;
end
$$;
comment on function authn._check_email(text) is
    'Returns the address trimmed and lower-cased; raises where it is none. A domain of another alphabet is the caller''s to '
    'write in ASCII (RFC 5890), as the pages and commands of the portal do: what is another text is another address here.';

create or replace function authn._check_limit(p_limit integer, p_default integer, p_max integer) returns integer
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_limit < 0 then
        raise exception 'limit must not be negative' using errcode = '22023';
    end if;
    return least(coalesce(p_limit, p_default), p_max);
end
$$;
comment on function authn._check_limit(integer, integer, integer) is
    'Returns how many rows a list may give: NULL is the default, more than the most is the most, negative raises 22023.';

create or replace function authn._setting_interval(p_name text, p_default interval) returns interval
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value text := nullif(current_setting('authn.' || p_name, true), '');
begin
    if v_value is null then
        return p_default;
    end if;
    begin
        return v_value::interval;
    exception when data_exception then
        raise exception 'the setting authn.% must be an interval', p_name using errcode = '22023';
    end;
end
$$;
comment on function authn._setting_interval(text, interval) is
    'Reads a duration from the settings of the transaction. The empty text, which a commit leaves, counts as unset.';

create or replace function authn._setting_integer(p_name text, p_default integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value text := nullif(current_setting('authn.' || p_name, true), '');
begin
    if v_value is null then
        return p_default;
    end if;
    begin
        return v_value::integer;
    exception when data_exception then
        raise exception 'the setting authn.% must be a whole number', p_name using errcode = '22023';
    end;
end
$$;
comment on function authn._setting_integer(text, integer) is
    'Reads a number from the settings of the transaction. The empty text, which a commit leaves, counts as unset.';

revoke all on function authn._require(boolean, text), authn._check_text(text, text, integer),
    authn._check_hash(text, text), authn._check_label(text, text), authn._check_email(text),
    authn._check_limit(integer, integer, integer), authn._setting_interval(text, interval),
    authn._setting_integer(text, integer) from public;
grant execute on function authn._require(boolean, text), authn._check_text(text, text, integer),
    authn._check_hash(text, text), authn._check_label(text, text), authn._check_email(text),
    authn._check_limit(integer, integer, integer), authn._setting_interval(text, interval),
    authn._setting_integer(text, integer) to portal_system;
