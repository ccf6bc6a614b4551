"""A Django project with django-allauth, as its quick start describes it."""
