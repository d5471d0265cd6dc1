# SPDX-License-Identifier: Apache-2.0
"""Django's own users and groups, who log in to this admin, in the theme of the other pages."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User

from accounts.admin_base import AdminPasswordChangeForm, ModelAdmin, UserChangeForm, UserCreationForm

if TYPE_CHECKING:
    DjangoUserAdmin = UserAdmin[User]
else:
    DjangoUserAdmin = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class StaffAdmin(DjangoUserAdmin, ModelAdmin):
    """People who log in to the admin; they are no SIP users."""

    form: Any = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class StaffGroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Sets of permissions for people who log in to the admin."""
