"""/account/devices: see where one is logged in, end one session, end all others; as plain HTML and as HTMX."""

from tests.support.html import HtmlPage
from tests.support.person import IPHONE, Person, Somebody, an_email
from tests.support.server import PortalServer

DEVICES = "/account/devices"
END, END_OTHERS = "/account/devices/end", "/account/devices/end-others"
AS_HTMX = {"hx-request": "true", "hx-current-url": DEVICES}


def test_a_person_ends_one_session_and_then_all_others(zoe: Person, somebody: Somebody) -> None:
    email = an_email()
    zoe.sign_up(email)
    phone, third, fourth = somebody(agent=IPHONE), somebody(), somebody()
    for other in (phone, third, fourth):
        other.log_in(email)

    zoe.open(DEVICES)
    assert "Safari on iPhone" in zoe.page.text
    assert zoe.page.texts.count("Firefox on Linux") == 3
    assert zoe.page.text.count("This device") == 1
    assert len([form for form in zoe.page.forms if form.action == END]) == 3

    [phone_session] = [
        form.fields["session"] for form in zoe.page.forms if form.action == END and "iPhone" in form.buttons[0].text
    ]
    zoe.post(END, {"session": phone_session})
    assert zoe.path == DEVICES
    assert "That session has ended" in zoe.page.text
    assert "iPhone" not in zoe.page.text
    assert not phone.is_logged_in()
    assert third.is_logged_in()

    zoe.post(END, {"session": phone_session})
    assert "had already ended" in zoe.page.text

    zoe.submit(END_OTHERS)
    assert "All other sessions have ended" in zoe.page.text
    assert not third.is_logged_in()
    assert not fourth.is_logged_in()
    assert zoe.is_logged_in()
    assert not [form for form in zoe.page.forms if form.action in (END, END_OTHERS)]


def test_htmx_gets_the_list_alone_with_a_sentence(zoe: Person, somebody: Somebody) -> None:
    email = an_email()
    zoe.sign_up(email)
    phone = somebody(agent=IPHONE).log_in(email)
    session = zoe.open(DEVICES).page.form(END).fields["session"]
    zoe.post(END, {"session": session}, **AS_HTMX)
    assert zoe.response.status_code == 200
    assert zoe.page.elements[0].attributes.get("id") == "devices"
    assert not any(element.tag in ("html", "head", "body") for element in zoe.page.elements)
    assert "That session has ended" in zoe.page.text
    assert not phone.is_logged_in()
    zoe.post(END_OTHERS, {}, **AS_HTMX)
    assert "All other sessions have ended" in zoe.page.text


def test_htmx_without_a_session_is_told_to_load_the_login_page(zoe: Person) -> None:
    zoe.sign_up(an_email())
    zoe.open(DEVICES)
    zoe.http.cookies.delete("portal_session", domain="localhost.local")
    zoe.post(END_OTHERS, {}, **AS_HTMX)
    assert zoe.response.headers["hx-redirect"].startswith("/login?return_to=")
    assert HtmlPage(zoe.response.text).text == ""


def test_ending_this_browsers_own_session_logs_out(portal_server: PortalServer, zoe: Person) -> None:
    email = an_email()
    zoe.sign_up(email)
    [own] = portal_server.rows(
        "select s.id::text from authn.sessions s join authn.users u on u.id = s.user_id where u.email = $1", email
    )
    zoe.post(END, {"session": own["id"]})
    assert zoe.path == "/login"
    assert not zoe.is_logged_in()


def test_a_session_that_has_expired_is_not_in_the_list(
    portal_server: PortalServer, zoe: Person, somebody: Somebody
) -> None:
    email = an_email()
    zoe.sign_up(email)
    somebody(agent=IPHONE).log_in(email)
    portal_server.sql(
        "update authn.sessions set expires_at = now() where user_agent like '%iPhone%' and user_id = "
        f"(select id from authn.users where email = '{email}')"
    )
    zoe.open(DEVICES)
    assert "iPhone" not in zoe.page.text
