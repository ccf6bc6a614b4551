-- Which ways to begin a login count depends on what stands second: the function gains a parameter.

drop function if exists authn._ways_in(uuid, boolean, text);
